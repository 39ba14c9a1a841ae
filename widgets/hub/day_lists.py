"""The day's lists, page by page: alerts and halts of a stream, and the tape of a symbol, newest first.

The feeds keep the newest entries in memory. A program that asks for older ones is answered from what the
store holds: 2,000 blocks of a stream for each shard, 1,000 trades for each symbol. The order of a list never
changes, so the place of an entry is its key: a page begins after the key with which the last page ended, also
when newer entries have come since.
"""

import asyncio
import bisect
from collections.abc import Sequence
from itertools import chain
from typing import Final, Protocol, TypeAlias

import msgspec
import numpy as np

from marketdata.payloads import RowBlock
from marketdata.store.keys import STREAM_BLOCKS
from marketdata.tapes import StoredTape, in_order, trades_of
from widgets.hub.feeds import Feed, StoredFeeds
from widgets.hub.feeds.rows import FeedRows, Matrix, decimals_of, select_rows, trade_values
from widgets.hub.feeds.stored import StreamPart, stream_parts
from widgets.protocol import EmittedRows, FeedPosition

Key: TypeAlias = tuple[float, ...]
"""The place of an entry in its list. Keys are compared, and not read."""

REFRESH_BLOCKS: Final = 32
"""So many of the newest blocks are read first. If they join on to the known ones, no more is read."""
BLOCKS_AT_ONCE: Final = 50
"""After so many blocks the event loop has a turn."""


class ListPage(msgspec.Struct, frozen=True):
    """Rows of a list, newest first. `last` is the key of the last row if older rows follow; else None."""

    rows: EmittedRows
    last: Key | None


class StoredDayLists(Protocol):
    """The part of `marketdata.store.snapshots.SnapshotReader` that is used here."""

    async def stream(self, shard: int, name: str, newest: int = STREAM_BLOCKS) -> Sequence[RowBlock]:
        """The newest blocks of a stream in a shard, oldest first."""

    async def tapes(self, symbols: Sequence[str]) -> Sequence[StoredTape | None]:
        """The stored tapes of the symbols."""


class _Block(msgspec.Struct, frozen=True):
    """The entries of a published block. `order` is its place: published time, shard, epoch, tick."""

    order: tuple[int, int, int, int]
    rows: FeedRows


class _PartList:
    """The known blocks of one stream in one shard, oldest first."""

    def __init__(self, part: StreamPart, columns: tuple[str, ...]) -> None:
        self._part = part
        self._columns = columns
        self.blocks: list[_Block] = []

    async def refresh(self, store: StoredDayLists) -> None:
        """Read what is new. A list that does not join on to the known blocks is read whole."""
        known = {block.order for block in self.blocks}
        found = await store.stream(self._part.shard, self._part.stream, REFRESH_BLOCKS)
        if len(found) >= REFRESH_BLOCKS and self._order(found[0]) not in known:
            found = await store.stream(self._part.shard, self._part.stream)
        new = {order: block for block in found if (order := self._order(block)) not in known and len(block)}
        for count, (order, block) in enumerate(new.items(), 1):
            self.blocks.append(_Block(order, select_rows(block, self._columns, fill=True)))
            if count % BLOCKS_AT_ONCE == 0:
                await asyncio.sleep(0)
        self.blocks.sort(key=_order_of)
        del self.blocks[:-STREAM_BLOCKS]

    def _order(self, block: RowBlock) -> tuple[int, int, int, int]:
        return (block.published_ns, self._part.shard, block.epoch, block.tick)


class _StreamList:
    """The known blocks of one stream in all shards."""

    def __init__(self, parts: Sequence[_PartList]) -> None:
        self._parts = parts
        self._lock = asyncio.Lock()
        self._known: FeedPosition | None = None
        self._blocks: Sequence[_Block] = ()

    async def blocks(self, store: StoredDayLists, at: FeedPosition) -> Sequence[_Block]:
        """All blocks, oldest first: at least those up to a position of the feed."""
        async with self._lock:
            known = self._known
            if known is None or (known.epoch, known.seq) != (at.epoch, at.seq):
                for part in self._parts:
                    await part.refresh(store)
                self._blocks = sorted(chain.from_iterable(part.blocks for part in self._parts), key=_order_of)
                self._known = at
        return self._blocks


class DayLists:
    """The day's lists of one store. What was read of a stream is kept, and only new blocks are read again.

    All methods raise `StoreUnavailable` while the store is away, and `ContentError` if its bytes cannot be
    read.

    Concurrency: for one event loop.
    """

    def __init__(self, store: StoredDayLists, stored: StoredFeeds) -> None:
        self._store = store
        self._parts = stream_parts(stored).values()
        self._streams: dict[str, _StreamList] = {}

    async def entries(
        self,
        feed: Feed,
        at: FeedPosition,
        *,
        since_ms: int,
        before: Key | None,
        most: int,
        symbol: str = "",
    ) -> ListPage:
        """At most `most` entries of a feed of alerts, published at a market time from `since_ms` on.

        `at` is the present position of the feed: the store is read only if it changed since the last time.
        `before` is the key of the entry after which the page begins; None: it begins with the newest entry.
        With a `symbol`, only its entries.
        """
        stream = self._streams.get(feed.name)
        if stream is None:
            parts = [_PartList(part, feed.columns) for part in self._parts if part.feed == feed.name]
            stream = self._streams[feed.name] = _StreamList(parts)
        blocks = await stream.blocks(self._store, at)
        end = len(blocks)
        if before is not None:
            end = bisect.bisect_right(blocks, before[:-1], key=_order_of)
        found: list[tuple[_Block, int]] = []
        for block in reversed(blocks[:end]):
            if block.rows.market_time_ms < since_ms or len(found) > most:
                break
            for index in reversed(range(len(block.rows.symbols))):
                if before is not None and (*block.order, index) >= before:
                    continue
                if not symbol or block.rows.symbols[index] == symbol:
                    found.append((block, index))
        shown = found[:most]
        values = np.array([block.rows.values[index] for block, index in shown])
        symbols = [block.rows.symbols[index] for block, index in shown]
        rows = _emitted(symbols, feed.columns, values.reshape(len(shown), len(feed.columns)))
        return ListPage(rows, (*shown[-1][0].order, shown[-1][1]) if len(found) > most else None)

    async def trades(self, feed: Feed, *, before: Key | None, most: int) -> ListPage:
        """At most `most` trades on the tape of the feed's symbol."""
        (tape,) = await self._store.tapes([feed.symbol])
        if tape is None:
            return ListPage(_emitted([], feed.columns, np.empty((0, len(feed.columns)))), None)
        ordered = in_order(tape.ring)
        end = len(ordered)
        if before is not None:
            keys = [(tape.day_start_ms, *record) for record in ordered.tolist()]
            end = bisect.bisect_left(keys, before)
        start = max(0, end - most)
        shown = ordered[start:end][::-1]
        values = trade_values(trades_of(shown, tape.day_start_ms), feed.columns)
        rows = _emitted([feed.symbol] * len(shown), feed.columns, values)
        return ListPage(rows, (tape.day_start_ms, *ordered[start].tolist()) if start else None)


def _emitted(symbols: Sequence[str], columns: tuple[str, ...], values: Matrix) -> EmittedRows:
    return EmittedRows(symbols, columns, decimals_of(columns), values)


def _order_of(block: _Block) -> tuple[int, int, int, int]:
    return block.order
