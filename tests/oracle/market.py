"""The oracle: keeps every event in order of arrival, and tells what docs/metrics.md says it comes to."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from marketdata.transport.queues import shard_of
from tests.oracle.bars import bar_columns
from tests.oracle.boards import BOARDS, TEST_ISSUES, ranked
from tests.oracle.day_range import Range, day_range
from tests.oracle.halts import band_columns, halt_lines, price_columns
from tests.oracle.quotes import quote_columns
from tests.oracle.reference import ReferenceData
from tests.oracle.terms import Day, Event, Row
from tests.oracle.trades import Print, tape_of, trade_columns

MANY_ROWS: Final = 1_000_000
AHEAD_TOLERANCE_MS: Final = 5_000
"""An event stamped further ahead of the feed's clock is refused."""
_NS_PER_MS: Final = 1_000_000

Lines = Mapping[str, Sequence[Row]]
"""The lines of a stream by symbol, in order."""


class Oracle:
    """The whole market on consecutive trading days, with the reference data that is known of it.

    `refused` counts, by reason, the events that change nothing. Of the symbols that reference data does not
    know, each shard has rows for `unknown_rows`.
    """

    def __init__(
        self, days: Sequence[Day], reference: ReferenceData, *, shards: int = 1, unknown_rows: int = MANY_ROWS
    ) -> None:
        self._days = days
        self._reference = reference
        self._shards = shards
        self._unknown_rows = unknown_rows
        self.refused: Counter[str] = Counter()
        self._known: set[str] = set()
        self._past_tapes: Mapping[str, Sequence[Print]] = {}
        self._past_streams: Mapping[str, Lines] = {}
        self._newest_ms = 0
        self._begin(days[0])

    def take(self, event: Event, *, received_ms: int, feed_time_ms: int) -> None:
        """One event of the feed, with the time of its arrival, here and by the feed's own clock."""
        time_ms = event_time_ms(event)
        if time_ms > feed_time_ms + AHEAD_TOLERANCE_MS:
            self.refused["ahead"] += 1
            return
        reached_ms = min(time_ms, feed_time_ms)
        later = [day for day in self._days if day.start_ms > self._day.start_ms and day.has(reached_ms)]
        if later:
            self._past_tapes, self._past_streams = self.tapes(), self.streams()
            self._known &= self._reference.rows.keys()
            self._begin(later[0])
        if not self._day.has(time_ms):
            self.refused["other_day" if time_ms < self._day.start_ms else "ahead"] += 1
            return
        self._newest_ms = max(self._newest_ms, reached_ms)
        symbol = symbol_of(event)
        if not self._has_room_for(symbol):
            self.refused["unknown_symbol"] += 1
            return
        kind = "A" if event["ev"] == "AM" else event["ev"]
        self._known.add(symbol)
        self._events[kind][symbol].append(event)
        self._received_ms[symbol] = max(received_ms, self._received_ms.get(symbol, 0))

    def _has_room_for(self, symbol: str) -> bool:
        if symbol in self._reference.rows or symbol in self._known:
            return True
        unknown = self._known - self._reference.rows.keys()
        shards = [shard_of(other, self._shards) for other in unknown]
        return shards.count(shard_of(symbol, self._shards)) < self._unknown_rows

    def use_reference(self, reference: ReferenceData) -> None:
        """Know this from now on, in place of what was known; its snapshots must lie before all days."""
        self._reference = reference

    def rows(self) -> Mapping[str, Row]:
        """The market table: each symbol of which something came today, or ever if reference data knows it."""
        has_opened = self._newest_ms >= self._day.regular_open_ms
        return {symbol: self._row(symbol, has_opened) for symbol in self._known}

    def boards(self, rows: Mapping[str, Row]) -> Mapping[str, Sequence[str]]:
        """The symbols on each board, in order."""
        return {feed: ranked(board, rows) for feed, board in BOARDS.items()}

    def streams(self) -> Mapping[str, Lines]:
        """Stream -> symbol -> what it told of it on all days, in order."""
        ranges = {symbol: self._range(symbol) for symbol in self._events["A"].keys() - TEST_ISSUES}
        told_bands = {
            symbol: self._events["LULD"][symbol] for symbol in self._events["LULD"].keys() - TEST_ISSUES
        }
        told = {
            "daily_range_high": _lines({symbol: of.high_alerts for symbol, of in ranges.items()}),
            "daily_range_low": _lines({symbol: of.low_alerts for symbol, of in ranges.items()}),
            "halts": _lines(
                {symbol: halt_lines(bands, day=self._day) for symbol, bands in told_bands.items()}
            ),
        }
        return {stream: _joined(self._past_streams.get(stream, {}), lines) for stream, lines in told.items()}

    def tapes(self) -> Mapping[str, Sequence[Print]]:
        """Symbol -> the tape of the last day on which it traded, oldest first."""
        tapes = {symbol: tape_of(trades) for symbol, trades in self._events["T"].items()}
        return {**self._past_tapes, **{symbol: tape for symbol, tape in tapes.items() if tape}}

    def moments(self) -> Mapping[str, frozenset[int]]:
        """Symbol -> the times of its quotes and of its bands today."""
        return {
            symbol: frozenset(
                event_time_ms(event) for kind in ("Q", "LULD") for event in self._events[kind].get(symbol, ())
            )
            for symbol in self._known
        }

    def _begin(self, day: Day) -> None:
        self._day = day
        self._newest_ms = 0
        self._events: dict[str, defaultdict[str, list[Event]]] = {
            kind: defaultdict(list) for kind in ("A", "T", "Q", "LULD")
        }
        self._received_ms: dict[str, int] = {}

    def _row(self, symbol: str, has_opened: bool) -> Row:
        reference = self._facts(symbol)
        row: Row = {**reference, "received_timestamp": self._received_ms.get(symbol)}
        row |= self._range(symbol).columns
        if bars := self._events["A"].get(symbol):
            row |= bar_columns(
                bars, reference, day=self._day, has_opened=has_opened, curve=self._reference.curve
            )
        if trades := self._events["T"].get(symbol):
            row |= trade_columns(trades, day=self._day)
        if quotes := self._events["Q"].get(symbol):
            row |= quote_columns(quotes)
        if messages := self._events["LULD"].get(symbol):
            row |= band_columns(messages, day=self._day)
        return row | price_columns(row, day=self._day)

    def _range(self, symbol: str) -> Range:
        return day_range(self._events["A"].get(symbol, ()), self._facts(symbol), day=self._day)

    def _facts(self, symbol: str) -> Row:
        return self._reference.facts(symbol, self._day)


def _lines(told: Mapping[str, Sequence[msgspec.Struct]]) -> Lines:
    return {symbol: [msgspec.structs.asdict(line) for line in lines] for symbol, lines in told.items()}


def _joined(before: Lines, after: Lines) -> Lines:
    return {symbol: [*before.get(symbol, ()), *after.get(symbol, ())] for symbol in (*before, *after)}


def symbol_of(event: Event) -> str:
    """The symbol, which `LULD` spells otherwise than all others."""
    return str(event["T"] if event["ev"] == "LULD" else event["sym"])


def event_time_ms(event: Event) -> int:
    """When it happened; of a bar its last millisecond."""
    if event["ev"] in {"A", "AM"}:
        return int(event["e"]) - 1
    return int(event["t"]) // (_NS_PER_MS if event["ev"] == "LULD" else 1)
