"""A loader on the stand-in source, and what it comes to."""

import datetime as dt

from marketdata.errors import ProviderRefused
from marketdata.reference.facts import Snapshot, SnapshotDay
from marketdata.reference.loader import (
    Loaded,
    ReferenceLoader,
)
from tests.support.builders import block_rows
from tests.support.manual_clock import ManualClock
from tests.unit.marketdata.reference.sources import (
    CALENDAR,
    MONDAY_10_00_MS,
    FakeSource,
)

THURSDAY = dt.date(2026, 11, 12)
NOT_ENTITLED = ProviderRefused("not_entitled", "upgrade")


def loader_for(source: FakeSource, **options: object) -> ReferenceLoader:
    return ReferenceLoader(source, lambda _ns: CALENDAR, clock=ManualClock(), **options)  # type: ignore[arg-type]


async def load(source: FakeSource) -> Loaded:
    return await loader_for(source).load()


async def rows_of(source: FakeSource) -> dict[str, dict[str, float | None]]:
    return block_rows((await load(source)).block)


def snapshot(
    symbol: str,
    *,
    updated_ms: int = MONDAY_10_00_MS,
    high: float = 0.0,
    low: float = 0.0,
    previous_close: float = 0.0,
) -> Snapshot:
    return Snapshot(
        symbol,
        updated_ms * 1_000_000,
        SnapshotDay(high=high, low=low),
        SnapshotDay(1.0, 4.0, 0.5, previous_close, 70.0, 2.5),
    )
