"""A batch tells its format: which decoders read it, and what becomes of one that nobody can read."""

from msgspec import structs

from marketdata import events
from marketdata.providers.registry import batch_decoder, provider_names, provider_plugin
from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import aggregate_wire, batch, block_rows, calendar_of, new_york_ms, whole_of

DAY = "2026-11-23"
START_MS = new_york_ms(DAY, "10:00:00")
COLUMNS = {
    QueueName.AGGREGATE: events.AGGREGATE_COLUMNS,
    QueueName.TRADES: events.TRADE_COLUMNS,
    QueueName.QUOTES: events.QUOTE_COLUMNS,
    QueueName.HALTS: events.PRICE_BAND_COLUMNS,
}


def test_a_batch_in_a_format_that_nobody_reads_costs_only_itself_and_is_counted() -> None:
    shard = ShardProcessor(0, routes=routes(), calendar=calendar_of(DAY, "2026-11-24"), epoch=1)
    good = [batch(QueueName.AGGREGATE, [aggregate_wire(symbol, start_ms=START_MS)]) for symbol in "AB"]
    strange = structs.replace(good[0], format="elsewhere", event_count=3, body=b"\x00\x01")
    unknown = structs.replace(strange, queue=QueueName.UNKNOWN)

    outcome = shard.apply([good[0], strange, good[1], unknown])

    assert outcome.applied == {"aggregate": 2}
    assert outcome.rejected == {"unknown_format": 3}
    tick = shard.tick(published_ns=1)
    assert set(block_rows(whole_of(tick))) == {"A", "B"}
    assert [(piece.reason, piece.raw) for piece in tick.unknown] == [("unknown_format", b"\x00\x01")] * 2


def test_every_format_gives_every_column_that_is_declared() -> None:
    formats = [name for name in provider_names() if provider_plugin(name).wire_format is not None]
    for name in formats:
        for queue, columns in COLUMNS.items():
            assert batch_decoder(name, queue, columns).decode([]).values.shape == (len(columns), 0)


def test_analyzers_read_declared_columns_and_none_is_left_unread() -> None:
    assert {route.queue: set(route.columns) for route in routes()} == {
        queue: set(columns) for queue, columns in COLUMNS.items()
    }
