"""The interface of a provider's format: how the platform reads its frames and batches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from marketdata.providers.base import EventRouter
from marketdata.recording.frames import FrameReader
from marketdata.transport.queues import QueueName

if TYPE_CHECKING:  # settings and web processes look up providers, and must not load compiled code for that
    from marketdata.codec import EventColumns, Rejected


class BatchDecoder(Protocol):
    """Reads bodies of batches into columns."""

    def decode(self, bodies: Sequence[bytes]) -> "EventColumns":
        """All good events of the bodies, and every other piece with a reason. Never raises for content."""


class WireFormat(FrameReader, Protocol):
    """The format of a provider's events. It does no I/O and loads no SDK: processors use it, too.

    As a `FrameReader` it also reads frames for recordings.
    """

    @property
    def name(self) -> str:
        """The name of its provider, which each `Batch` in the format carries."""

    def router(self, shard_count: int) -> EventRouter:
        """A router for frames."""

    def decoder(self, queue: QueueName, columns: Sequence[str]) -> BatchDecoder:
        """The decoder of a queue's batches into columns of `marketdata.events`, in this order.

        Raises:
            KeyError: there is no such queue or column.
        """

    def newest_unknown(self, body: bytes, limit: int) -> tuple[int, Sequence["Rejected"]]:
        """The number of pieces in a batch of the unknown queue, and the last `limit` with the reasons."""
