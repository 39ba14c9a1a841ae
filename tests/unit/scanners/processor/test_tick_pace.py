"""Shards tick often while their ticks are cheap, never more rarely than the setting, and together."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.units import NS_PER_MS, NS_PER_SECOND
from scanners.processor.pace import (
    AVERAGED_TICKS,
    SHARE_OF_TICKS,
    SHORTEST_INTERVAL_NS,
    STEP_NS,
    TickPace,
    tick_interval_ns,
)
from tests.support.manual_clock import ManualClock

LONGEST_NS = 250 * NS_PER_MS

costs_ns = st.integers(0, 10 * NS_PER_SECOND)
shares = st.floats(-1, 1)
longest_intervals_ns = st.integers(50, 10_000).map(lambda ms: ms * NS_PER_MS)


class Processor:
    """A clock of processor time that work advances."""

    def __init__(self) -> None:
        self.spent_ns = 0

    def __call__(self) -> int:
        return self.spent_ns

    async def tick(self, *steps_ms: int) -> str:
        """Work as long as the steps say, and let others work in between."""
        for step_ms in steps_ms:
            self.spent_ns += step_ms * NS_PER_MS
            await asyncio.sleep(0)
        return "published"


def pace_of(clock: ManualClock, processor: Processor, longest_ns: int = LONGEST_NS) -> TickPace:
    return TickPace(lambda: longest_ns, clock, processor)


@pytest.mark.parametrize(
    ("cost_ms", "spare_share", "interval_ms"),
    [
        (0, 1, 50),
        (10, 1, 50),
        (11, 1, 100),
        (20, 1, 100),
        (21, 1, 150),
        (30, 1, 150),
        (50, 1, 250),
        (2_000, 1, 250),
        (9, 0.9, 50),
        (16, 0.9, 100),
        (16, 0.5, 200),
        (16, 0.3, 250),
        (0, 0, 250),
    ],
)
def test_ticks_take_a_fifth_of_the_spare_time_until_the_interval_is_that_of_the_setting(
    cost_ms: int, spare_share: float, interval_ms: int
) -> None:
    assert tick_interval_ns(cost_ms * NS_PER_MS, spare_share, LONGEST_NS) == interval_ms * NS_PER_MS


@given(costs_ns, shares, longest_intervals_ns)
def test_the_interval_never_exceeds_the_setting_and_leaves_room_below_it(
    cost_ns: int, spare_share: float, longest_ns: int
) -> None:
    interval_ns = tick_interval_ns(cost_ns, spare_share, longest_ns)
    assert 0 < interval_ns <= longest_ns
    if interval_ns < longest_ns:
        assert interval_ns >= SHORTEST_INTERVAL_NS
        assert cost_ns <= interval_ns * SHARE_OF_TICKS * spare_share * (1 + 1e-9)
        assert interval_ns % STEP_NS == 0


@given(costs_ns, costs_ns, shares, shares, longest_intervals_ns)
def test_a_dearer_tick_or_more_events_never_make_the_interval_shorter(
    one_ns: int, other_ns: int, one_share: float, other_share: float, longest_ns: int
) -> None:
    cheap_ns, dear_ns = sorted((one_ns, other_ns))
    busy_share, idle_share = sorted((one_share, other_share))
    assert tick_interval_ns(cheap_ns, idle_share, longest_ns) <= tick_interval_ns(
        dear_ns, busy_share, longest_ns
    )


@given(st.lists(st.integers(0, 400), max_size=20), longest_intervals_ns)
def test_a_tick_is_due_after_an_interval_at_most_and_at_its_multiples(
    waits_ms: list[int], longest_ns: int
) -> None:
    clock = ManualClock()
    pace = pace_of(clock, Processor(), longest_ns)
    assert pace.seconds_until_due(0) == 0, "a shard that never ticked"
    for wait_ms in waits_ms:
        ticked_ns = clock.time_ns()
        wait_ns = round(pace.seconds_until_due(ticked_ns) * NS_PER_SECOND)
        assert 0 < wait_ns <= pace.interval_ns
        clock.advance(wait_ns / NS_PER_SECOND)
        assert clock.time_ns() % pace.interval_ns == 0
        assert pace.seconds_until_due(ticked_ns) == 0
        clock.advance(wait_ms / 1_000)


def test_a_wall_clock_that_went_back_delays_no_tick() -> None:
    clock = ManualClock()
    ticked_ns = clock.time_ns()
    clock.advance(-3_600)
    assert pace_of(clock, Processor()).seconds_until_due(ticked_ns) == 0


async def test_the_ticks_of_all_shards_of_a_process_count_until_it_loses_them() -> None:
    processor = Processor()
    pace = pace_of(ManualClock(), processor)
    assert pace.interval_ns == 50 * NS_PER_MS
    assert await pace.measured(0, processor.tick(20)) == "published"
    assert pace.interval_ns == 100 * NS_PER_MS
    await pace.measured(1, processor.tick(20))
    assert pace.interval_ns == 200 * NS_PER_MS
    pace.forget(1)
    assert pace.interval_ns == 100 * NS_PER_MS


async def test_ticks_that_store_all_rows_now_and_then_do_not_change_the_interval_each_time() -> None:
    processor = Processor()
    pace = pace_of(ManualClock(), processor)
    intervals_ms = []
    for tick in range(5 * AVERAGED_TICKS):
        await pace.measured(0, processor.tick(20 if tick % 6 == 0 else 6))
        intervals_ms.append(pace.interval_ns // NS_PER_MS)
    assert set(intervals_ms[AVERAGED_TICKS:]) == {50}


async def test_the_interval_follows_dearer_ticks_within_the_averaged_number() -> None:
    processor = Processor()
    pace = pace_of(ManualClock(), processor)
    for _ in range(3 * AVERAGED_TICKS):
        await pace.measured(0, processor.tick(2))
    assert pace.interval_ns == 50 * NS_PER_MS
    for _ in range(AVERAGED_TICKS):
        await pace.measured(0, processor.tick(40))
    assert pace.interval_ns == 200 * NS_PER_MS


async def test_what_others_do_while_a_tick_waits_is_not_its_cost() -> None:
    processor = Processor()
    pace = pace_of(ManualClock(), processor)
    await asyncio.gather(pace.measured(0, processor.tick(5, 5)), processor.tick(50, 50))
    assert pace.interval_ns == 50 * NS_PER_MS
    await asyncio.gather(pace.measured(0, processor.tick(10, 20)), processor.tick(50, 50))
    assert pace.interval_ns == 100 * NS_PER_MS, "20 ms on average"


async def test_events_that_take_half_of_the_time_make_ticks_rarer_until_there_are_fewer() -> None:
    clock, processor = ManualClock(), Processor()
    pace = pace_of(clock, processor)
    for events_ms, interval_ms in ((20, 100), (60, 150), (100, 250), (0, 50)):
        clock.advance(0.2)
        processor.spent_ns += events_ms * NS_PER_MS
        await pace.measured(0, processor.tick(10))
        assert pace.interval_ns == interval_ms * NS_PER_MS


async def test_a_tick_that_fails_or_is_cancelled_counts_and_says_so() -> None:
    processor = Processor()
    pace = pace_of(ManualClock(), processor)

    async def failing() -> None:
        await processor.tick(30)
        raise ConnectionError("the cache is away")

    with pytest.raises(ConnectionError, match="the cache is away"):
        await pace.measured(0, failing())
    assert pace.interval_ns == 150 * NS_PER_MS

    waits, cleaned_up = asyncio.Event(), asyncio.Event()

    async def waiting() -> None:
        try:
            await processor.tick(20)
            waits.set()
            await asyncio.Event().wait()
        finally:
            processor.spent_ns += 20 * NS_PER_MS
            cleaned_up.set()

    task = asyncio.create_task(pace.measured(0, waiting()))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned_up.is_set()
    assert pace.interval_ns == 200 * NS_PER_MS, "30 and 40 ms"
