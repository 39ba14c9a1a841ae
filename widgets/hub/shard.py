"""Which rows of a shard are watched, and whether its announcements follow each other."""

import enum
from collections.abc import Iterable, Sequence

from marketdata.payloads import RowBlock
from widgets.catalog import QUOTE_COLUMNS
from widgets.hub.rows import FeedRows, select_rows
from widgets.hub.stream import FeedStream


class Succession(enum.Enum):
    """How an announcement follows the one before."""

    NEXT = enum.auto()
    KNOWN = enum.auto()
    GAP = enum.auto()


class ShardWatch:
    """The quotes of one shard that somebody watches.

    Joining without a gap: a quote is watched first, then the stored whole is read, and of both whatever has
    the newer tick counts (`FeedStream.offer`).
    """

    def __init__(self) -> None:
        self._streams: dict[str, FeedStream] = {}
        self._incomplete: set[FeedStream] = set()
        self._epoch = 0
        self._tick = 0
        self._gap_tick = 0

    @property
    def streams(self) -> tuple[FeedStream, ...]:
        """The quotes that are watched now."""
        return tuple(self._streams.values())

    @property
    def complete(self) -> bool:
        """Whether every watched quote has been read from a stored whole since it, or a gap, began."""
        return not self._incomplete

    def watch(self, stream: FeedStream) -> None:
        """Begin to pick the row of a quote's symbol; the stored whole is then to be read."""
        self._streams[stream.feed.symbol] = stream
        self._incomplete.add(stream)

    def unwatch(self, stream: FeedStream) -> None:
        """Stop picking it."""
        self._streams.pop(stream.feed.symbol, None)
        self._incomplete.discard(stream)

    def missed(self) -> None:
        """Something may have been announced unheard: every quote needs the stored whole and a snapshot."""
        self._incomplete.update(self._streams.values())
        for stream in self._streams.values():
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
        """Offer the changed rows to the quotes that watch them; the streams that took one."""
        streams = self._streams
        if not streams:
            return []
        positions = [index for index, symbol in enumerate(changed.symbols) if symbol in streams]
        return self._offer_rows(changed, positions) if positions else []

    def apply_whole(self, whole: RowBlock, streams: Sequence[FeedStream]) -> list[FeedStream]:
        """Offer the stored whole to the quotes that were watched before it was read; those that hold it now.

        A symbol that the whole lacks has no row. A whole from before the last gap fills nothing.
        """
        if whole.epoch == self._epoch and whole.tick < self._gap_tick:
            return []
        if whole.epoch != self._epoch or whole.tick > self._tick:
            self._gap_tick = self._gap_tick if whole.epoch == self._epoch else 0
            self._epoch, self._tick = whole.epoch, whole.tick
        readers = {s.feed.symbol: s for s in streams if self._streams.get(s.feed.symbol) is s}
        positions = [index for index, symbol in enumerate(whole.symbols) if symbol in readers]
        self._offer_rows(whole, positions)
        found = {whole.symbols[position] for position in positions}
        self._offer_absence(whole, (stream for symbol, stream in readers.items() if symbol not in found))
        self._incomplete.difference_update(readers.values())
        return list(readers.values())

    def _offer_rows(self, block: RowBlock, positions: Sequence[int]) -> list[FeedStream]:
        rows = select_rows(block, QUOTE_COLUMNS, positions)
        return [
            stream
            for position, symbol in enumerate(rows.symbols)
            if (stream := self._streams[symbol]).offer(rows.only(position))
        ]

    @staticmethod
    def _offer_absence(whole: RowBlock, streams: Iterable[FeedStream]) -> None:
        nothing: FeedRows = select_rows(whole, QUOTE_COLUMNS, ())
        for stream in streams:
            stream.offer(nothing)
