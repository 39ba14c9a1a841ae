"""Builders of events, batches and row blocks with defaults: a test names only values that matter to it."""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np

from marketdata.payloads import RowBlock
from marketdata.store.shard_state import ShardTick
from marketdata.trading_calendar import SessionHours, TradingCalendar
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from marketdata.units import MS_PER_MINUTE, MS_PER_SECOND, NS_PER_MS


def row_block(
    rows: Mapping[str, Mapping[str, float]],
    *,
    producer: str = "shard:0",
    epoch: int = 1,
    tick: int = 1,
    published_ns: int = 2,
    received_ns: int = 1,
    market_time_ms: int = 0,
    names: Sequence[str] | None = None,
    shows_test_issues: bool = False,
) -> RowBlock:
    """A block of the given rows (symbol -> column -> value). Columns that a row does not name are absent."""
    columns = tuple(names) if names is not None else tuple(dict.fromkeys(n for r in rows.values() for n in r))
    return RowBlock(
        producer=producer,
        epoch=epoch,
        tick=tick,
        published_ns=published_ns,
        received_ns=received_ns,
        market_time_ms=market_time_ms,
        symbols=tuple(rows),
        columns={
            name: np.array([row.get(name, np.nan) for row in rows.values()], dtype=np.float64)
            for name in columns
        },
        shows_test_issues=shows_test_issues,
    )


def block_rows(block: RowBlock) -> dict[str, dict[str, float | None]]:
    """The rows of a block by symbol, for comparison. Absent values are None."""
    return {
        str(row["symbol"]): {n: v for n, v in row.items() if not isinstance(v, str)} for row in block.rows()
    }


def aggregate_wire(
    symbol: str = "AAPL", *, start_ms: int = 0, ev: str = "A", **fields: object
) -> dict[str, object]:
    """A second (`A`) or minute (`AM`) aggregate in the provider's wire format."""
    length_ms = MS_PER_MINUTE if ev == "AM" else MS_PER_SECOND
    wire: dict[str, object] = {
        "ev": ev,
        "sym": symbol,
        "v": 100,
        "av": 1_000,
        "op": 0,
        "vw": 10.0,
        "o": 10.0,
        "c": 10.0,
        "h": 10.0,
        "l": 10.0,
        "a": 10.0,
        "z": 50,
        "s": start_ms,
        "e": start_ms + length_ms,
    }
    return wire | fields


def trade_wire(symbol: str = "AAPL", *, timestamp_ms: int = 0, **fields: object) -> dict[str, object]:
    """A trade in the provider's wire format."""
    wire: dict[str, object] = {
        "ev": "T",
        "sym": symbol,
        "x": 4,
        "i": "1",
        "z": 3,
        "p": 10.0,
        "s": 100,
        "t": timestamp_ms,
        "q": 1,
    }
    return wire | fields


def quote_wire(symbol: str = "AAPL", *, timestamp_ms: int = 0, **fields: object) -> dict[str, object]:
    """A quote in the provider's wire format."""
    wire: dict[str, object] = {
        "ev": "Q",
        "sym": symbol,
        "bx": 4,
        "bp": 9.99,
        "bs": 100,
        "ax": 7,
        "ap": 10.01,
        "as": 200,
        "c": 0,
        "t": timestamp_ms,
        "q": 1,
        "z": 3,
    }
    return wire | fields


def batch_body(events: Iterable[Mapping[str, object]]) -> bytes:
    """The body of a batch: a JSON array."""
    return json.dumps(list(events), separators=(",", ":")).encode()


def new_york_ms(date: str, time_of_day: str) -> int:
    """Epoch milliseconds of a New York wall clock time, e.g. `new_york_ms("2026-11-23", "09:30:00")`."""
    local = dt.datetime.fromisoformat(f"{date}T{time_of_day}").replace(tzinfo=ZoneInfo("America/New_York"))
    return round(local.timestamp() * 1000)


def calendar_of(*dates: str, early_closes: Collection[str] = ()) -> TradingCalendar:
    """A calendar of sessions from 09:30 to 16:00 (13:00 on early closes), and one more session after them."""
    last = dt.date.fromisoformat(dates[-1]) + dt.timedelta(days=1)
    return TradingCalendar(
        SessionHours(
            dt.date.fromisoformat(date),
            new_york_ms(date, "09:30"),
            new_york_ms(date, "13:00" if date in early_closes else "16:00"),
        )
        for date in (*dates, last.isoformat())
    )


def batch(
    queue: QueueName,
    events: Iterable[Mapping[str, object]] | bytes,
    *,
    shard: int = 0,
    sequence: int = 1,
    received_ns: int = 1,
    feed_time_ms: int | None = None,
) -> Batch:
    """A batch of wire events, or with the given body. Its default feed time is that of the newest event."""
    wire = list(events) if not isinstance(events, bytes) else []
    return Batch(
        format="massive",
        queue=queue,
        shard=shard,
        source="test",
        sequence=sequence,
        received_ns=received_ns,
        feed_time_ms=max(map(_stamp_ms, wire), default=0) if feed_time_ms is None else feed_time_ms,
        event_count=max(1, len(wire)),
        body=events if isinstance(events, bytes) else batch_body(wire),
    )


def _stamp_ms(wire: Mapping[str, object]) -> int:
    """The time of a wire event, which for a bar is its end. 0 if the event has no readable time."""
    stamp = wire.get("e", wire.get("t", 0))
    if not isinstance(stamp, int):
        return 0
    return stamp // NS_PER_MS if wire.get("ev") == "LULD" else stamp


def whole_of(tick: ShardTick) -> RowBlock:
    """All rows of a tick that stores them all."""
    assert tick.whole is not None, "this tick stores only the rows that changed"
    return tick.whole
