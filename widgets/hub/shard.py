"""Which rows of a shard are watched, and whether its announcements follow each other."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from marketdata.payloads import RowBlock
from widgets.hub.rows import select_rows
from widgets.hub.stream import FeedStream

Columns: TypeAlias = tuple[str, ...]


class Succession(enum.Enum):
    """How an announcement follows the one before."""

    NEXT = enum.auto()
    KNOWN = enum.auto()
    GAP = enum.auto()


class ShardWatch:
    """The feeds of one shard's rows that somebody watches: quotes and others that show a part of a row.

    Joining without a gap: a row is watched first, then the stored whole is read, and of both whatever has
    the newer tick counts (`FeedStream.offer`).
    """

    def __init__(self) -> None:
        self._streams: dict[Columns, dict[str, FeedStream]] = {}
        self._incomplete: set[FeedStream] = set()
        self._epoch = 0
        self._tick = 0
        self._gap_tick = 0

    @property
    def streams(self) -> tuple[FeedStream, ...]:
        """The feeds that are watched now."""
        return tuple(stream for by_symbol in self._streams.values() for stream in by_symbol.values())

    @property
    def complete(self) -> bool:
        """Whether every watched row has been read from a stored whole since it, or a gap, began."""
        return not self._incomplete

    def watch(self, stream: FeedStream) -> None:
        """Begin to pick the row of a feed's symbol; the stored whole is then to be read."""
        self._streams.setdefault(stream.feed.columns, {})[stream.feed.symbol] = stream
        self._incomplete.add(stream)

    def unwatch(self, stream: FeedStream) -> None:
        """Stop picking it."""
        self._streams[stream.feed.columns].pop(stream.feed.symbol, None)
        self._incomplete.discard(stream)

    def missed(self) -> None:
        """Something may have been announced unheard: every feed needs the stored whole and a snapshot."""
        self._incomplete.update(self.streams)
        for stream in self.streams:
            stream.refresh()

    def follow(self, changed: RowBlock) -> Succession:
        """Note the announcement of changed rows. A gap, or another epoch, counts as `missed`."""
        same_epoch = changed.epoch == self._epoch
        if same_epoch and changed.tick <= self._tick:
            return Succession.KNOWN
        follows = (same_epoch and changed.tick == self._tick + 1) or self._epoch == 0
        self._epoch, self._tick = changed.epoch, changed.tick
        if follows:
            return Succession.NEXT
        self._gap_tick = changed.tick
        self.missed()
        return Succession.GAP

    def apply_changed(self, changed: RowBlock) -> list[FeedStream]:
        """Offer the changed rows to the feeds that watch them; the streams that took one."""
        return [stream for by_symbol in self._streams.values() for stream in _offer_rows(changed, by_symbol)]

    def apply_whole(self, whole: RowBlock, streams: Sequence[FeedStream]) -> list[FeedStream]:
        """Offer the stored whole to the feeds that were watched before it was read; those that hold it now.

        A symbol that the whole lacks has no row. A whole from before the last gap fills nothing.
        """
        if whole.epoch == self._epoch and whole.tick < self._gap_tick:
            return []
        if whole.epoch != self._epoch or whole.tick > self._tick:
            self._gap_tick = self._gap_tick if whole.epoch == self._epoch else 0
            self._epoch, self._tick = whole.epoch, whole.tick
        readers = set(streams)
        completed = [stream for stream in self.streams if stream in readers]
        for columns, by_symbol in _by_columns(completed).items():
            _offer_rows(whole, by_symbol)
            # Who was just offered a row of this whole takes nothing else of the same tick.
            nothing = select_rows(whole, columns, ())
            for stream in by_symbol.values():
                stream.offer(nothing)
        self._incomplete.difference_update(completed)
        return completed


def _by_columns(streams: Iterable[FeedStream]) -> Mapping[Columns, Mapping[str, FeedStream]]:
    grouped: dict[Columns, dict[str, FeedStream]] = {}
    for stream in streams:
        grouped.setdefault(stream.feed.columns, {})[stream.feed.symbol] = stream
    return grouped


def _offer_rows(block: RowBlock, by_symbol: Mapping[str, FeedStream]) -> list[FeedStream]:
    """Offer the rows of a block to streams of the same columns; those that took one."""
    positions = [index for index, symbol in enumerate(block.symbols) if symbol in by_symbol]
    if not positions:
        return []
    rows = select_rows(block, next(iter(by_symbol.values())).feed.columns, positions)
    return [
        stream
        for position, symbol in enumerate(rows.symbols)
        if (stream := by_symbol[symbol]).offer(rows.only(position))
    ]
