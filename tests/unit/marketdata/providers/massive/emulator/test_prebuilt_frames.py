"""Frames at rate: what is repeated and overwritten is exactly what would have been rendered one by one."""

import time
from collections.abc import Callable
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.providers.massive import wire
from marketdata.providers.massive.emulator.prebuilt import digits, frames_of
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF, messages_of
from marketdata.providers.massive.emulator.wire import MAX_EVENTS_PER_FRAME, frames
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.blocks import Block, RepeatedBlock
from marketdata.synthetic_market.market import MAX_PROTOTYPES, prototype_count
from tests.unit.marketdata.synthetic_market.markets import market, run

START_TIMES = st.sampled_from(["04:00", "09:29:59.950", "12:34:56.789", "15:59:59.900", "18:30"])
MEBIBYTE = 1 << 20


def rates(trades: float, quotes: float) -> Rates:
    return Rates(
        aggregates_per_second=200,
        trades_per_second=trades,
        quotes_per_second=quotes,
        follows_session=False,
    )


def text_of(rendered: list[bytes]) -> bytes:
    """The events of all frames in a row, without the frames."""
    assert all(frame[:1] + frame[-1:] == b"[]" for frame in rendered)
    return b",".join(frame[1:-1] for frame in rendered)


@given(
    start=START_TIMES,
    trades=st.integers(0, 70_000),
    quotes=st.integers(0, 70_000),
    events_per_frame=st.integers(1, MAX_EVENTS_PER_FRAME),
    speed=st.sampled_from([1.0, 7.5, 60.0]),
)
@settings(max_examples=10, deadline=None)
def test_prebuilt_frames_are_byte_for_byte_the_events_rendered_one_by_one(
    start: str, trades: int, quotes: int, events_per_frame: int, speed: float
) -> None:
    of = market(f"2026-11-20T{start}", rates(trades, quotes), speed=speed)
    for block in run(of, 0.2 * speed, step_ms=round(100 * speed)):
        rendered = list(frames_of(block, events_per_frame))
        assert text_of(rendered) == text_of(list(frames(messages_of(block), len(block))))
        assert max(len(msgspec.json.decode(frame, type=list[msgspec.Raw])) for frame in rendered) <= (
            events_per_frame
        )
        assert max(map(len, rendered)) < MEBIBYTE


@given(start=START_TIMES, speed=st.sampled_from([1.0, 60.0]))
@settings(max_examples=5, deadline=None)
def test_repeated_events_stay_within_their_step_and_in_order(start: str, speed: float) -> None:
    of = market(f"2026-11-20T{start}", rates(30_000, 50_000), speed=speed)
    decoder = msgspec.json.Decoder(list[wire.Trade | wire.Quote])
    newest: dict[str, int] = {"T": 0, "Q": 0}
    for _ in range(3):
        before_ms = of.now_ms
        for block in of.step(round(100 * speed)):
            if CHANNEL_OF[block.kind] not in newest:
                continue
            assert isinstance(block, RepeatedBlock)
            trades = [event for frame in frames_of(block, 1_000) for event in decoder.decode(frame)]
            assert len(trades) == len(block)
            assert before_ms <= trades[0].timestamp
            assert trades[-1].timestamp <= max(of.now_ms, before_ms)
            assert all(one.timestamp <= next_one.timestamp for one, next_one in pairwise(trades))
            numbers = [newest[CHANNEL_OF[block.kind]], *(event.sequence_number or 0 for event in trades)]
            assert all(one < next_one for one, next_one in pairwise(numbers))
            newest[CHANNEL_OF[block.kind]] = numbers[-1]


def test_a_participants_time_is_never_after_the_events_own() -> None:
    of = market("2026-11-20T11:00", rates(90_000, 0))
    trades = [
        trade
        for block in run(of, 0.2)
        if CHANNEL_OF[block.kind] == "T"
        for frame in frames_of(block, 700)
        for trade in msgspec.json.decode(frame)
    ]
    assert len(trades) == 18_000
    assert all(0 <= trade["t"] - trade["pt"] < 20 for trade in trades)
    assert all(trade["trft"] == trade["pt"] for trade in trades if trade["x"] == 4)
    assert all(trade["i"] == str(trade["q"]) for trade in trades)


def test_at_any_rate_a_symbol_has_one_aggregate_a_second_and_volume_that_never_falls() -> None:
    of = market("2026-11-20T09:59:58", rates(50_000, 50_000))
    seen: set[tuple[str, int]] = set()
    volume: dict[str, int] = {}
    for block in run(of, 5):
        for bar in messages_of(block) if CHANNEL_OF[block.kind] == "A" else ():
            fields = msgspec.to_builtins(bar)
            key = (fields["sym"], fields["s"])
            assert key not in seen
            seen.add(key)
            assert fields["av"] > volume.get(fields["sym"], 0)
            volume[fields["sym"]] = fields["av"]
    assert len(seen) > 400


def test_one_tickers_events_are_the_same_as_in_the_whole_channel() -> None:
    of = market("2026-11-20T11:00", rates(0, 80_000))
    block = next(block for block in run(of, 0.1) if CHANNEL_OF[block.kind] == "Q")
    assert isinstance(block, RepeatedBlock)
    spy = np.array([of.universe.index["SPY"]])
    whole = [quote for frame in frames_of(block, 500) for quote in msgspec.json.decode(frame)]
    chosen = msgspec.json.decode(msgspec.json.encode(messages_of(block, block.rows_of(spy))))
    assert chosen == [quote for quote in whole if quote["sym"] == "SPY"]
    assert chosen


@given(st.lists(st.integers(0, 10**13 - 1), min_size=1), st.integers(13, 17))
def test_digits_are_the_decimal_text(values: list[int], width: int) -> None:
    expected = "".join(f"{value:0{width}d}" for value in values).encode()
    assert digits(np.array(values, dtype=np.int64), width).tobytes() == expected


@given(st.integers(0, 2_000_000))
def test_few_enough_prototypes_cover_all_events_about_equally(count: int) -> None:
    prototypes = prototype_count(count)
    assert prototypes <= min(count, MAX_PROTOTYPES)
    if count:
        repeats = -(-count // prototypes)
        assert prototypes * repeats - count < repeats
        assert prototypes > MAX_PROTOTYPES // 2 or prototypes == count


def test_a_prebuilt_event_costs_a_fraction_of_one_rendered_alone() -> None:
    of = market("2026-11-20T11:00", rates(100_000, 400_000))
    blocks = [block for block in of.step(100) if isinstance(block, RepeatedBlock)]
    assert {CHANNEL_OF[block.kind] for block in blocks} == {"T", "Q"}

    def prebuilt() -> None:
        for block in blocks:
            assert sum(map(len, frames_of(block, 1_000))) > 100 * len(block)

    def alone() -> None:
        for block in blocks:
            assert sum(map(len, frames(messages_of(block)))) > 100 * len(block)

    # Some 3.5 times in practice; the bound leaves room for a busy machine.
    assert cpu_seconds(prebuilt) < cpu_seconds(alone) / 2


def cpu_seconds(work: Callable[[], None]) -> float:
    """The least processor time of a few runs: what others take from the machine does not count."""

    def once() -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return min(once() for _ in range(3))


@pytest.mark.parametrize("channel", ["T", "Q"])
def test_a_modest_rate_repeats_nothing(channel: str) -> None:
    of = market("2026-11-20T11:00", rates(19_000, 19_000))
    blocks: list[Block] = [block for block in run(of, 0.3) if CHANNEL_OF[block.kind] == channel]
    assert len(blocks) == 3
    assert not any(isinstance(block, RepeatedBlock) for block in blocks)
