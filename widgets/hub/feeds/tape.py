"""Feeds of a symbol's last trades. The stored tape is read when the row of its symbol changes."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from marketdata.schema import names
from marketdata.schema.stored import SCHEMA
from marketdata.tapes import StoredTape, in_order, trades_of
from widgets.hub.feeds.feed import SYMBOL_TICK_HZ, Feed
from widgets.hub.feeds.rows import Matrix, decimals_of, trade_values
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import ROWS_HELD, FeedStream
from widgets.hub.feeds.ticks import Succession, TickFollower
from widgets.protocol import NO_MARKS, ColumnMarks, EmittedRows, FeedAppend, FeedEmission

_TRADES: Final = "trades:{symbol}"
_COLUMNS: Final = names(SCHEMA.symbol_list(_TRADES).columns)
_NOTHING: Final = np.empty((0, len(_COLUMNS)))
_SUMMARY: Final = next(
    owner.columns[0].name for owner in SCHEMA.owners if _TRADES in {each.feed for each in owner.lists}
)
"""A column of the analyzer that keeps the tapes: it is off when they are."""


class TapeSource(FeedSource):
    """The subscribed tapes. A wanted tape is named by its symbol."""

    kind: ClassVar[str] = "trades"
    permission: ClassVar[str] = "trades"
    tick_hz: ClassVar[float] = SYMBOL_TICK_HZ
    feeds = MappingProxyType({_TRADES: _COLUMNS})
    reads_together: ClassVar[bool] = True

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        # Of each watched symbol a stream for each choice.
        self._streams: dict[str, list[TapeStream]] = {}
        self._watched: dict[str, set[str]] = {channel: set() for channel in context.stored.shards}
        self._ticks = {channel: TickFollower() for channel in context.stored.shards}
        self._times = dict.fromkeys(context.stored.shards, (0, 0))
        self._marks = dict.fromkeys(context.stored.shards, NO_MARKS)

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The rows of each shard."""
        return stored.shards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """Begin to watch a tape, and want it."""
        stream = TapeStream(feed, self.context.new_epoch(), self.context.clock)
        self._streams.setdefault(feed.symbol, []).append(stream)
        self._watched[self.context.stored.rows_channel(feed.symbol)].add(feed.symbol)
        self.want((feed.symbol,))
        return stream

    def close(self, stream: FeedStream) -> None:
        """Forget the tape."""
        symbol = stream.feed.symbol
        others = [each for each in self._streams.pop(symbol) if each is not stream]
        if others:
            self._streams[symbol] = others
        else:
            self._watched[self.context.stored.rows_channel(symbol)].discard(symbol)

    def take(self, channel: str, block: RowBlock) -> None:
        """Want the tapes of the changed rows of a shard, because a trade changes the row of its symbol."""
        succession = self._ticks[channel].follow(block.epoch, block.tick)
        if succession is Succession.KNOWN:
            return
        self._times[channel] = (block.received_ns, block.market_time_ms)
        watched = self._watched[channel]
        before, self._marks[channel] = self._marks[channel], _marks_of(block)
        all_of_them = succession is Succession.GAP or before != self._marks[channel]
        self.want(watched if all_of_them else watched.intersection(block.symbols))

    def missed(self) -> None:
        """Want every watched tape."""
        for streams in self._streams.values():
            for stream in streams:
                stream.refresh()
        self.want(self._streams)

    async def restore(self, wanted: Sequence[str]) -> None:
        """Read the stored tapes of the symbols that are still watched."""
        symbols = [symbol for symbol in wanted if symbol in self._streams]
        if not symbols:
            return
        tapes = await self.context.snapshots.tapes(symbols)
        for symbol, stored in zip(symbols, tapes, strict=True):
            streams = self._streams.get(symbol, ())
            channel = self.context.stored.rows_channel(symbol)
            for stream in streams:
                stream.offer(stored, *self._times[channel], self._marks[channel])
            self.context.mark(streams)


class TapeStream(FeedStream):
    """The newest `ROWS_HELD` trades on the tape of a symbol, oldest first.

    The whole stored tape is offered each time, so nothing can be missed. If it only appends trades to the
    emitted ones, the new trades are sent. A late trade, which is sorted between the others, makes a snapshot.
    """

    def __init__(self, feed: Feed, epoch: int, clock: Clock) -> None:
        super().__init__(feed, epoch, clock)
        self._shown = [_COLUMNS.index(name) for name in feed.columns]
        self._held: Matrix | None = None
        self._offered: Matrix | None = None
        self._offered_times = (0, 0)
        self._held_marks = self._offered_marks = NO_MARKS

    def offer(
        self,
        tape: StoredTape | None,
        received_ns: int,
        market_time_ms: int,
        marks: ColumnMarks = NO_MARKS,
    ) -> None:
        """Take a stored tape, None if there is none. Times and marks are those of the newest tick.

        A tape that is off is empty: what is stored of it is old.
        """
        self._offered = _NOTHING if tape is None or marks.off else _newest_trades(tape)
        self._offered_times = (received_ns, market_time_ms)
        self._offered_marks = marks.picked(self.feed.columns)

    def emit(self) -> FeedEmission | None:
        """Move on to the newest tape. Returns the appended trades, a snapshot, or None."""
        before, after = self._held, self._offered
        if after is None:
            return None
        self._held, self._times = after, self._offered_times
        self._snapshot_due = self._snapshot_due or self._held_marks != self._offered_marks
        self._held_marks = self._offered_marks
        new = None if self._snapshot_due or before is None else _appended(before, after)
        if new is None:
            return self._advance_to_snapshot()
        if not len(new):
            return None
        return FeedAppend(self._advance(), self._rows_of(new))

    def _all_rows(self) -> EmittedRows:
        return self._rows_of(_NOTHING if self._held is None else self._held)

    def _marks(self) -> ColumnMarks:
        return self._held_marks

    def _limit(self) -> int:
        return ROWS_HELD

    def _rows_of(self, trades: Matrix) -> EmittedRows:
        columns = self.feed.columns
        values = trades[:, self._shown]
        return EmittedRows([self.feed.symbol] * len(trades), columns, decimals_of(columns), values)


def _marks_of(block: RowBlock) -> ColumnMarks:
    """The marks of tapes, from a tick of their shard."""
    return ColumnMarks(_COLUMNS) if _SUMMARY in block.off else ColumnMarks.of(block, _COLUMNS)


def _newest_trades(tape: StoredTape) -> Matrix:
    return trade_values(trades_of(in_order(tape.ring)[-ROWS_HELD:], tape.day_start_ms), _COLUMNS)


def _appended(before: Matrix, after: Matrix) -> Matrix | None:
    """The trades that `after` appends to `before`; None if it differs in another way."""
    if not len(before):
        return after
    (indices,) = np.nonzero((after == before[-1]).all(axis=1))
    if not len(indices):
        return None
    kept = indices[-1] + 1
    return after[kept:] if np.array_equal(after[:kept], before[-kept:]) else None
