"""The newest pieces that a shard's processor did not understand, until a tick stores them."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from marketdata.codec import Rejected, RejectReason
from marketdata.errors import ContentError
from marketdata.payloads import UnknownPiece
from marketdata.providers.registry import wire_format
from marketdata.transport.base import Batch

PIECES: Final = 1_000
BYTES_PER_TICK: Final = 256 * 1024


class SetAside:
    """Pieces that wait to be stored: at most 1,000 of 4 KiB, however many arrive."""

    def __init__(self) -> None:
        self._pieces: deque[UnknownPiece] = deque(maxlen=PIECES)

    def add_batch(self, batch: Batch) -> int:
        """Keep the newest pieces of a batch of the unknown queue. Returns how many pieces it had."""
        try:
            count, newest = wire_format(batch.format).newest_unknown(batch.body, PIECES)
        except ContentError:
            count, newest = 1, [Rejected(RejectReason.UNKNOWN_FORMAT, batch.body)]
        self.add(newest, batch.received_ns)
        return count

    def add(self, rejected: Iterable[Rejected], received_ns: int) -> None:
        """Keep pieces that were received at this time (epoch nanoseconds)."""
        self._pieces.extend(
            UnknownPiece.cut(each.raw, reason=each.reason.value, received_ns=received_ns) for each in rejected
        )

    def newest(self) -> Sequence[UnknownPiece]:
        """As many of the newest pieces as a tick may store, oldest first."""
        chosen: list[UnknownPiece] = []
        size = 0
        for piece in reversed(self._pieces):
            size += len(piece.raw)
            if size > BYTES_PER_TICK:
                break
            chosen.append(piece)
        return chosen[::-1]

    def clear(self) -> None:
        """Forget the pieces: they are stored."""
        self._pieces.clear()
