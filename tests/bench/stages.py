"""Rows of single stages, on one core: `processor_*` and `scanner_tick`."""

import asyncio
import datetime as dt
import functools
import operator
import statistics
import time
import typing
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.payloads import RowBlock, decode_row_block, encode_row_block
from marketdata.providers.massive.wire import MinuteAggregate, Quote, SecondAggregate, Trade
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.tapes import write_arguments
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import exchange_sessions
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from scanners.processor import ShardProcessor
from scanners.registry import routes
from scanners.scanner import MarketScanner
from tests.bench.material import FRAME_EVENTS, START_MS, SYMBOL_COUNT, SYMBOLS, batches_of
from tests.bench.rows import Row, best_rate, duration_row, rate_row
from tests.support.services import ValkeyServer

MARKET_SECONDS: Final = 32
BATCHES_PER_TICK: Final = 150  # some 150,000 events: a quarter of a second at the budgeted rate
SCANNER_SHARDS: Final = 2
SCANNER_TICKS: Final = 40


def processor_aggregates() -> Row:
    """Aggregates: decode, state and tick with all analyzers on, 11,000 symbols, one worker."""
    return _processor_row(
        "processor_aggregates",
        QueueName.AGGREGATE,
        "A",
        [SecondAggregate, MinuteAggregate],
        budget=1_200_000,
        least_ratio=0.6,
    )


def processor_trades() -> Row:
    """The same for trades."""
    return _processor_row("processor_trades", QueueName.TRADES, "T", [Trade], budget=1_000_000)


def processor_quotes() -> Row:
    """The same for quotes."""
    return _processor_row("processor_quotes", QueueName.QUOTES, "Q", [Quote], budget=2_000_000)


def _processor_row(
    name: str,
    queue: QueueName,
    kind: str,
    structs: Sequence[type[msgspec.Struct]],
    *,
    budget: float,
    least_ratio: float = 0.0,
) -> Row:
    bodies = batches_of(kind, MARKET_SECONDS)
    batches = [_batch(queue, number, body) for number, body in enumerate(bodies, 1)]
    calendar = _calendar()
    bare_types: Any = functools.reduce(operator.or_, map(_bare, structs))
    decoder = msgspec.json.Decoder(list[bare_types])

    def bare() -> None:
        for body in bodies:
            decoder.decode(body)

    def process() -> None:
        processor = ShardProcessor(0, routes=routes(), calendar=calendar, epoch=1)
        applied = 0
        for first in range(0, len(batches), BATCHES_PER_TICK):
            for group in range(first, min(first + BATCHES_PER_TICK, len(batches)), 10):
                applied += sum(processor.apply(batches[group : group + 10]).applied.values())
            tick = processor.tick(time.time_ns())
            _encode(tick)
            processor.confirm(tick)
        if applied != events:
            raise AssertionError(f"{events - applied} of {events} events were not applied")

    events = MARKET_SECONDS * SYMBOL_COUNT
    return rate_row(
        name,
        best_rate(process, items=events),
        best_rate(bare, items=events),
        budget=budget,
        least_ratio=least_ratio,
        limit_is="bare typed decode",
    )


def _bare(struct: type[msgspec.Struct]) -> Any:
    """The event with any text for a symbol: to check a pattern costs more than to decode all the rest."""
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = [
        (
            field.name,
            str if field.name == "symbol" else hints[field.name],
            msgspec.field(name=field.encode_name, default=field.default),
        )
        for field in msgspec.structs.fields(struct)
    ]
    tag = struct.__struct_config__.tag
    return msgspec.defstruct(struct.__name__, fields, gc=False, tag_field="ev", tag=tag)


def _encode(tick: ShardTick) -> None:
    """As for the cache, without the cache."""
    if tick.whole is not None and tick.whole is not tick.changed:
        encode_row_block(tick.whole)
    private = tick.private_columns.values()
    for block in (tick.changed, *private, *chain.from_iterable(tick.streams.values())):
        encode_row_block(block)
    if tick.tapes is not None:
        write_arguments(tick.tapes.writes, Keys())


def _batch(queue: QueueName, number: int, body: bytes) -> Batch:
    return Batch(
        format="massive",
        queue=queue,
        shard=0,
        source="bench",
        sequence=number,
        received_ns=time.time_ns(),
        feed_time_ms=START_MS + (MARKET_SECONDS + 1) * 1_000,
        event_count=FRAME_EVENTS,
        body=body,
    )


def _calendar() -> TradingCalendar:
    return TradingCalendar(exchange_sessions(dt.date(2026, 11, 1), dt.date(2026, 11, 30)))


def scanner_tick() -> Row:
    """Merge 11,000 changed rows of two shards, rank the boards, publish them to a real Valkey: the median."""
    with ValkeyServer() as valkey:
        return asyncio.run(_scanner_tick(valkey.url))


async def _scanner_tick(redis_url: str) -> Row:
    chance = np.random.default_rng(7)
    scanner = MarketScanner(epoch=1)
    redis = connect(redis_url)
    publisher = BlockPublisher(redis, Keys())
    ticks = [_changed_rows(chance, tick) for tick in range(1, SCANNER_TICKS + 2)]
    for shard, encoded in enumerate(ticks[0]):
        scanner.apply_whole(shard, decode_row_block(encoded))
    spent_ms, bare_ms = [], []
    for blocks in ticks[1:]:
        bare_ms.append(_bare_ranking_ms(blocks))
        started = time.perf_counter()
        for shard, encoded in enumerate(blocks):
            scanner.apply_changed(shard, decode_row_block(encoded))
        for board in scanner.rank_boards(time.time_ns()):
            await publisher.publish_board(board.feed, board.block, board.scores)
        spent_ms.append((time.perf_counter() - started) * 1e3)
    await redis.aclose()
    return duration_row(
        "scanner_tick",
        statistics.median(spent_ms),
        statistics.median(bare_ms),
        budget=40,
        limit_is="bare decode and argpartition",
        note=f"median of {SCANNER_TICKS}, worst {max(spent_ms):.1f} ms",
    )


def _bare_ranking_ms(blocks: Sequence[bytes]) -> float:
    """What no scanner can do without: the rows decoded, and three columns partitioned."""
    started = time.perf_counter()
    decoded = [decode_row_block(encoded) for encoded in blocks]
    for name in ("accumulated_volume", "pct_change", "pct_change_since_open"):
        np.argpartition(np.concatenate([block.columns[name] for block in decoded]), -500)
    return (time.perf_counter() - started) * 1e3


def _changed_rows(chance: np.random.Generator, tick: int) -> Sequence[bytes]:
    """Every row of every shard with new values, encoded as announced."""
    names = ShardProcessor(0, routes=routes(), calendar=_CALENDAR, epoch=1).tick(1).changed.columns
    return [
        encode_row_block(
            RowBlock(
                producer=f"shard:{shard}",
                epoch=1,
                tick=tick,
                published_ns=time.time_ns(),
                received_ns=time.time_ns(),
                market_time_ms=1_795_098_600_000 + tick * 250,
                symbols=SYMBOLS[shard::SCANNER_SHARDS],
                columns={
                    name: chance.uniform(0.5, 500, len(SYMBOLS[shard::SCANNER_SHARDS])) for name in names
                },
            )
        )
        for shard in range(SCANNER_SHARDS)
    ]


_CALENDAR: Final = _calendar()
