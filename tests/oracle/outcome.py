"""What the platform shows to its readers at an instant, wherever it is stored."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from marketdata.payloads import RowBlock
from marketdata.tapes import TradeTape


class Outcome(msgspec.Struct, frozen=True):
    """The stored whole of each shard, the lines of each stream, the boards by feed, the tapes by symbol."""

    rows: Sequence[RowBlock]
    streams: Mapping[str, Sequence[RowBlock]]
    boards: Mapping[str, RowBlock]
    tapes: Mapping[str, TradeTape]


def told_once(blocks: Iterable[RowBlock]) -> Sequence[RowBlock]:
    """The blocks of a stream as a reader takes them: each epoch and tick once."""
    return list({(block.producer, block.epoch, block.tick): block for block in blocks}.values())
