"""A feed of things that happened: the newest of them, merged from the streams of all shards."""

import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

import msgspec
import numpy as np

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from widgets.catalog import EVENTS_HELD, Feed
from widgets.hub.rows import FeedRows, decimals_of, select_rows
from widgets.hub.stream import Emission, Fresh, Outgoing, age_ms
from widgets.protocol import Alert, Snapshot, encode_frame, encode_rows

Order: TypeAlias = tuple[int, int, int, int]

SIMULTANEOUS_NS: Final = 1_000_000_000
"""Blocks of so little difference stand in the order in which they came, once one of them was sent."""

_BEFORE_ALL: Final[Order] = (0, 0, 0, 0)


class _Published(msgspec.Struct, frozen=True):
    """The events of one block, which `identity` names: shard, epoch and tick.

    `order` is where they stand among all: by time of publication.
    """

    identity: tuple[int, int, int]
    order: Order
    rows: FeedRows


class EventStream(Outgoing):
    """The newest `EVENTS_HELD` events of a feed, oldest first.

    A block is known by shard, epoch and tick, and counts once however often it is announced or read. What was
    announced and what is stored add up: a store that has lost its lists takes nothing away, and a block that
    was missed takes its place as soon as it is read. Whoever reads the same blocks holds the same events.
    Shards tick together, and their clocks differ a little: that alone puts no block before one that was sent.

    Nothing goes out before the stored list of every shard was read: a client's first snapshot is whole.
    """

    def __init__(self, feed: Feed, epoch: str, clock: Clock, shards: Iterable[int]) -> None:
        super().__init__(feed, epoch, clock)
        self._unread = set(shards)
        self._blocks: list[_Published] = []
        self._held: tuple[_Published, ...] | None = None
        self._rows_text: msgspec.Raw | None = None

    def read(self, shard: int) -> None:
        """The stored list of a shard was read, and all of it offered."""
        self._unread.discard(shard)

    def offer(self, shard: int, block: RowBlock) -> bool:
        """Take over the events of a block; False when it is known, or older than all that is held."""
        identity = (shard, block.epoch, block.tick)
        order = (block.published_ns, shard, block.tick, 0)
        if not len(block) or self._is_too_old(order) or any(b.identity == identity for b in self._blocks):
            return False
        sent = self._held[-1].order if self._held else _BEFORE_ALL
        if order <= sent and sent[0] - order[0] < SIMULTANEOUS_NS:
            order = _after(self._blocks[-1].order)
        self._fresh = self._fresh or order <= sent
        newest = range(max(0, len(block) - EVENTS_HELD), len(block))
        rows = select_rows(block, self.feed.columns, newest, fill=True)
        bisect.insort(self._blocks, _Published(identity, order, rows), key=_order)
        self._forget_oldest()
        return True

    def emit(self) -> Emission:
        """Move on to all that was offered: the text of an alert, `Fresh.SNAPSHOT`, or None."""
        if self._unread:
            return None
        before, self._held = self._held, tuple(self._blocks)
        if before is None or self._fresh:
            self._fresh = False
            self._advance()
            return Fresh.SNAPSHOT
        last = before[-1].order if before else _BEFORE_ALL
        new = self._held[bisect.bisect_right(self._held, last, key=_order) :]
        if not new:
            return None
        self._advance()
        return encode_frame(Alert(**self._position(self._market_time_ms()), rows=self._encoded(new)))

    def snapshot(self) -> str | None:
        """The text of what was emitted so far; None before the first emission. Its rows are encoded once."""
        if self._held is None:
            return None
        if self._rows_text is None:
            self._rows_text = self._encoded(self._held)
        position = self._position(self._market_time_ms())
        return encode_frame(
            Snapshot(**position, columns=self.feed.columns, rows=self._rows_text, limit=EVENTS_HELD)
        )

    def age_ms(self) -> int | None:
        """Age of the newest event that was emitted; None when there is none."""
        return age_ms(max((each.rows.received_ns for each in self._held or ()), default=0), self._clock)

    def _advance(self) -> None:
        super()._advance()
        self._rows_text = None

    def _market_time_ms(self) -> int:
        return max((each.rows.market_time_ms for each in self._held or ()), default=0)

    def _is_too_old(self, order: Order) -> bool:
        return bool(self._blocks) and order < self._blocks[0].order and self._count() >= EVENTS_HELD

    def _count(self) -> int:
        return sum(len(each.rows.symbols) for each in self._blocks)

    def _forget_oldest(self) -> None:
        """Drop the blocks of which no event is among the newest: should they come again, they are too old."""
        sizes = [len(each.rows.symbols) for each in reversed(self._blocks)]
        needed = bisect.bisect_left(list(accumulate(sizes)), EVENTS_HELD) + 1
        del self._blocks[:-needed]

    def _encoded(self, blocks: Sequence[_Published]) -> msgspec.Raw:
        symbols = [symbol for each in blocks for symbol in each.rows.symbols][-EVENTS_HELD:]
        empty = np.empty((0, len(self.feed.columns)))
        values = np.concatenate([empty, *(each.rows.values for each in blocks)])[-EVENTS_HELD:]
        return encode_rows(symbols, values, decimals_of(self.feed.columns))


def _after(order: Order) -> Order:
    published_ns, shard, tick, step = order
    return (published_ns, shard, tick, step + 1)


def _order(published: _Published) -> Order:
    return published.order
