"""Massive's JSON as a format of the platform; see `marketdata.providers.wire_format`."""

from collections.abc import Sequence
from typing import Final

from marketdata.codec import Rejected
from marketdata.providers.base import EventRouter
from marketdata.providers.massive.decoders import column_decoder, newest_set_aside
from marketdata.providers.massive.framing import FrameRouter
from marketdata.providers.wire_format import BatchDecoder, WireFormat
from marketdata.transport.queues import QueueName


class MassiveFormat:
    """See `marketdata.providers.wire_format.WireFormat`."""

    name: Final = "massive"

    def router(self, shard_count: int) -> EventRouter:
        """A router for frames."""
        return FrameRouter(shard_count)

    def decoder(self, queue: QueueName, columns: Sequence[str]) -> BatchDecoder:
        """What reads the batches of a queue into these columns."""
        return column_decoder(queue, columns)

    def newest_unknown(self, body: bytes, limit: int) -> tuple[int, Sequence[Rejected]]:
        """How many pieces a batch of the unknown queue holds, and the last `limit` with the reasons."""
        return newest_set_aside(body, limit)


FORMAT: Final[WireFormat] = MassiveFormat()
