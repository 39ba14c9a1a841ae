"""What operators are told of a load: while it runs, when it is done, and when it failed."""

import asyncio
import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError, ProviderUnavailable, StoreUnavailable
from marketdata.reference.flaws import Flaw, FlawReason
from marketdata.reference.loader import Loaded
from marketdata.reference.parts import Progress
from marketdata.reference.state import LoadPhase, LoadReport, LoadState, read_load_state
from marketdata.runtime import cancellation
from tests.support.builders import row_block
from tests.support.deadlines import eventually, scaled
from tests.support.manual_clock import ManualClock
from tests.unit.marketdata.reference.sources import CALENDAR, FRIDAY, MONDAY

LOADED = Loaded(
    block=row_block({"A": {"x": 1.0}}),
    tickers=None,
    volume_curve=None,
    day=CALENDAR.day(MONDAY),
    previous_date=FRIDAY,
    requests=54,
    flaws=(Flaw(part="floats", reason=FlawReason.NOT_ENTITLED, detail="upgrade"),),
    left_out={"floats: unknown": 2},
    closures=(dt.date(2026, 11, 11),),
)


class Records:
    """Remembers what was told, as the cache would."""

    def __init__(self) -> None:
        self.told: list[LoadState] = []
        self.away = False

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        if self.away:
            raise StoreUnavailable("away")
        assert lifetime_seconds > 0
        self.told.append(read_load_state(value))


async def test_a_load_is_told_from_its_start_to_its_outcome() -> None:
    records, seen = Records(), list[Progress]()
    async with LoadReport(records, clock=ManualClock(5_000), also=seen.append) as report:
        await eventually(lambda: records.told, 5)
        report.progress(Progress(3, 36, "floats"))
        await eventually(lambda: records.told[-1].done == 3, 5)
        await report.loaded(LOADED)

    assert records.told[0] == LoadState(phase=LoadPhase.LOADING, reported_at_ms=5_000)
    assert (records.told[-2].phase, records.told[-2].total, records.told[-2].step) == (
        "loading",
        36,
        "floats",
    )
    assert records.told[-1] == LoadState(
        phase=LoadPhase.LOADED,
        reported_at_ms=5_000,
        done=3,
        total=36,
        step="floats",
        date=LOADED.date,
        symbols=1,
        requests=54,
        flaws=tuple(LOADED.flaws),
        left_out={"floats: unknown": 2},
        closures=(dt.date(2026, 11, 11),),
    )
    assert seen == [Progress(3, 36, "floats")]


async def test_a_failure_is_told_with_its_reason_and_goes_on() -> None:
    records = Records()

    async def load() -> None:
        async with LoadReport(records) as report:
            report.progress(Progress(3, 36, "floats"))
            raise ProviderUnavailable("429 for ever")

    with pytest.raises(ProviderUnavailable):
        await load()

    last = records.told[-1]
    assert (last.phase, last.done, last.error) == (LoadPhase.FAILED, 3, "429 for ever")


async def test_a_cache_that_is_away_keeps_nobody_from_loading() -> None:
    records = Records()
    records.away = True
    async with LoadReport(records) as report:
        report.progress(Progress(1, 36, "floats"))
        await asyncio.sleep(0)
        records.away = False
        report.progress(Progress(2, 36, "tickers"))
        await eventually(lambda: records.told, 5)
        await report.loaded(LOADED)

    assert records.told[-1].phase is LoadPhase.LOADED


class SwallowingRecords(Records):
    """As a driver may: a cancellation that comes in the middle of the first call is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        self.calls += 1
        if self.calls == 1:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await super().report_actual(value, lifetime_seconds=lifetime_seconds)


async def test_a_driver_that_loses_a_cancellation_does_not_hold_up_the_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancellation, "REPEAT_SECONDS", 0.02)
    records = SwallowingRecords()
    async with asyncio.timeout(scaled(20)), LoadReport(records) as report:
        await eventually(lambda: records.calls, 5)
        await report.loaded(LOADED)

    assert records.told[-1].phase is LoadPhase.LOADED


@given(st.binary(max_size=60))
def test_foreign_bytes_are_an_error_of_content_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        read_load_state(data)
