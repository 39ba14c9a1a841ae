"""What a shard's processor stores at each tick, and what the shard's next owner reads of it."""

from collections.abc import Mapping, Sequence

import msgspec

from marketdata.payloads import RowBlock, UnknownPiece
from marketdata.store.row_log import LogEnd
from marketdata.tapes import TapeTick


class ShardTick(msgspec.Struct, frozen=True, kw_only=True):
    """One publication of a shard: all that `BlockPublisher.publish_tick` stores and announces together.

    All blocks have the same epoch and tick, except those of earlier ticks that could not be published.
    """

    whole: RowBlock | None
    """All rows of the shard, which begin a new row log; None if the changed rows are appended to the log."""

    changed: RowBlock
    """The rows that changed since the tick before; `whole` itself where all did."""

    log_end: LogEnd | None = None
    """The end of the row log after the changed rows were appended; None with all rows."""

    private_columns: Mapping[str, RowBlock] = {}
    """The groups of private columns that changed since they were stored, by name."""

    private_groups: Sequence[str] = ()
    """The names of all groups of private columns of the shard, unchanged ones included."""

    streams: Mapping[str, Sequence[RowBlock]] = {}
    """What happened, by stream, oldest first; also in ticks that could not be published."""

    tapes: TapeTick | None = None
    """The new records of the tapes; None before the day's first trade."""

    unknown: Sequence[UnknownPiece] = ()
    """The newest pieces that were not understood; also of ticks that could not be published."""

    refused: RowBlock | None = None
    """Which symbols got no row, with their events of the day; None where that did not change."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The stored state of a shard, without its tapes: all rows and private columns, as of one tick."""

    whole: RowBlock
    private_columns: Mapping[str, RowBlock]
