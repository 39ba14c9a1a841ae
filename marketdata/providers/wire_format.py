"""What a provider's frames and batches are made of, as far as the platform must know it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from marketdata.providers.base import EventRouter
from marketdata.recording.frames import FrameReader
from marketdata.transport.queues import QueueName

if TYPE_CHECKING:  # settings and web processes know providers by name, and must not load compiled code for it
    from marketdata.codec import EventColumns, Rejected


class BatchDecoder(Protocol):
    """Reads bodies of batches into columns."""

    def decode(self, bodies: Sequence[bytes]) -> "EventColumns":
        """All good events of the bodies, and every other piece with a reason. Never raises for content."""


class WireFormat(FrameReader, Protocol):
    """How a provider writes its events. It does no I/O and loads no SDK: processors use it too.

    As a `FrameReader` it says what a recording must know of its frames.
    """

    @property
    def name(self) -> str:
        """The name of its provider, which each `Batch` in the format carries."""

    def router(self, shard_count: int) -> EventRouter:
        """A router for frames."""

    def decoder(self, queue: QueueName, columns: Sequence[str]) -> BatchDecoder:
        """What reads the batches of a queue into columns of `marketdata.events`, in this order.

        Raises:
            KeyError: there is no such queue or column.
        """

    def newest_unknown(self, body: bytes, limit: int) -> tuple[int, Sequence["Rejected"]]:
        """How many pieces a batch of the unknown queue holds, and the last `limit` with the reasons."""
