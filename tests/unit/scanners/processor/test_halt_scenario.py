"""The simulator's halts, as its wire has them, through a shard: limit states, pauses, reopenings."""

from collections.abc import Collection
from typing import Final

import msgspec
import pytest
from msgspec import structs

from marketdata.payloads import RowBlock
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF, messages_of
from marketdata.providers.massive.framing import QUEUE_OF
from marketdata.providers.massive.wire import EventType
from marketdata.synthetic_market.price_moves import BandPressure
from marketdata.synthetic_market.scenarios import scenario_named
from marketdata.transport.base import Batch
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import batch, block_rows
from tests.support.stored_ticks import StoredTicks
from tests.unit.marketdata.synthetic_market.markets import calendar, instant, market

START: Final = "2026-11-20T10:00"
START_MS: Final = instant(START)
STEP_MS: Final = 500
SECONDS: Final = 80
PAUSE_MS: Final = 300_000
REOPENED_AT: Final = (20, 35, 50)
HALTED_AT: Final = (60, 75)
LIMIT_STATE_SECONDS: Final = 15

Row = dict[str, float | None]


class Course:
    """The rows of the symbols that halts happen to, second by second, and the lines of the stream."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Row]] = {}
        self.told: list[tuple[int, str]] = []
        self._market = market(START, scenario=scenario_named("halt"))
        symbols = self._market.universe.symbols
        halts = sorted(self._market.halts)
        self.reopening = [symbols[halt.symbol_index] for halt in halts if halt.start_ms < START_MS]
        self.pausing = [symbols[halt.symbol_index] for halt in halts if halt.start_ms >= START_MS]
        self.is_upward = {
            symbols[move.row]: move.change > 0
            for move in self._market.path.moves
            if isinstance(move, BandPressure)
        }
        self._run(ShardProcessor(0, routes=routes(), calendar=calendar(), epoch=1))

    def _run(self, shard: ShardProcessor) -> None:
        chosen = [*self.reopening, *self.pausing]
        stored = StoredTicks()
        for step in range(1, SECONDS * 1_000 // STEP_MS + 1):
            shard.apply(self._batches())
            tick = shard.tick(published_ns=step)
            shard.confirm(tick)
            rows = block_rows(_only(chosen, stored.store(tick)))
            self.rows[step * STEP_MS // 1_000] = {name: rows.get(name, {}) for name in chosen}
            for block in tick.streams.get("halts", ()):
                kinds, times = (block.columns[name].tolist() for name in ("kind", "timestamp"))
                self.told += [
                    (round((time - START_MS) / 1_000), symbol if kind else f"-{symbol}")
                    for symbol, kind, time in zip(block.symbols, kinds, times, strict=True)
                ]

    def _batches(self) -> list[Batch]:
        return [
            batch(
                QUEUE_OF[EventType(CHANNEL_OF[block.kind])],
                msgspec.json.encode(messages_of(block)),
                feed_time_ms=self._market.now_ms,
            )
            for block in self._market.step(STEP_MS)
        ]


def _only(chosen: Collection[str], whole: RowBlock) -> RowBlock:
    at = [index for index, symbol in enumerate(whole.symbols) if symbol in chosen]
    return structs.replace(
        whole,
        symbols=tuple(whole.symbols[index] for index in at),
        columns={name: column[at] for name, column in whole.columns.items()},
    )


@pytest.fixture(scope="module")
def course() -> Course:
    return Course()


def test_the_stream_tells_reopenings_and_halts_when_they_happen(course: Course) -> None:
    reopenings = [
        (second, f"-{symbol}") for second, symbol in zip(REOPENED_AT, course.reopening, strict=True)
    ]
    halts = list(zip(HALTED_AT, course.pausing, strict=False))
    assert course.told == [*reopenings, *halts]


def test_a_symbol_that_is_halted_at_the_start_is_known_to_trade_once_it_reopens(course: Course) -> None:
    symbol = course.reopening[0]
    assert course.rows[REOPENED_AT[0] - 1][symbol].get("is_halted") is None
    row = course.rows[REOPENED_AT[0] + 1][symbol]
    assert row["is_halted"] == 0
    assert row["band_high"] is not None


def test_a_limit_state_with_its_clock_comes_before_the_pause(course: Course) -> None:
    for halted_at, symbol in zip(HALTED_AT, course.pausing, strict=False):
        begins_at = halted_at - LIMIT_STATE_SECONDS
        assert course.rows[begins_at - 2][symbol]["limit_state"] != (1 if course.is_upward[symbol] else -1)
        row = course.rows[halted_at - 2][symbol]
        assert row["limit_state"] == (1 if course.is_upward[symbol] else -1)
        since_ms, due_ms = row["limit_state_timestamp"], row["limit_pause_timestamp"]
        assert since_ms is not None
        assert due_ms is not None
        assert 0 <= since_ms - (START_MS + begins_at * 1_000) < 2_000
        assert 0 <= due_ms - (START_MS + halted_at * 1_000) < 2_000
        distance = row["band_distance_pct"]
        assert distance is not None
        assert abs(distance) < 1.5


def test_a_pause_has_no_bands_and_an_earliest_reopening(course: Course) -> None:
    for halted_at, symbol in zip(HALTED_AT, course.pausing, strict=False):
        row = course.rows[halted_at + 2][symbol]
        halted_ms = START_MS + halted_at * 1_000
        assert row["is_halted"] == 1
        assert (row["halt_timestamp"], row["halt_may_be_limit_pause"]) == (halted_ms, 1)
        assert row["earliest_reopening_timestamp"] == halted_ms + PAUSE_MS
        assert (row["band_high"], row["limit_state"], row["limit_pause_timestamp"]) == (None, None, None)
