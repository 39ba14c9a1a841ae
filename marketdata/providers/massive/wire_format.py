"""Massive's JSON as a format of the platform; see `marketdata.providers.wire_format`."""

from collections.abc import Sequence
from typing import Final

from marketdata.codec import Rejected
from marketdata.feeds import declared_time_ms
from marketdata.providers.base import EventRouter
from marketdata.providers.massive.decoders import column_decoder, newest_set_aside
from marketdata.providers.massive.framing import FrameRouter, mentions_status, statuses_of
from marketdata.providers.massive.headers import HEADERS, MassiveHeader
from marketdata.providers.wire_format import BatchDecoder, WireFormat
from marketdata.recording.frames import FrameEvents
from marketdata.transport.queues import QueueName


class MassiveFormat:
    """See `marketdata.providers.wire_format.WireFormat`."""

    name: Final = "massive"

    def router(self, shard_count: int) -> EventRouter:
        """A router for frames."""
        return FrameRouter(shard_count)

    def decoder(self, queue: QueueName, columns: Sequence[str]) -> BatchDecoder:
        """The decoder of a queue's batches into these columns."""
        return column_decoder(queue, columns)

    def newest_unknown(self, body: bytes, limit: int) -> tuple[int, Sequence[Rejected]]:
        """The number of pieces in a batch of the unknown queue, and the last `limit` with the reasons."""
        return newest_set_aside(body, limit)

    def headers(self, data: str | bytes) -> Sequence[MassiveHeader] | None:
        """The headers of the events of a frame."""
        return HEADERS.headers(data)

    def events(self, data: str | bytes) -> FrameEvents | None:
        """The events of an undamaged frame, with their texts."""
        return HEADERS.events(data)

    def may_have_status(self, data: str | bytes) -> bool:
        """Whether the frame may hold a status."""
        return mentions_status(data)

    def declared_ms(self, data: str | bytes) -> int | None:
        """The time that a simulated or replayed feed declares in a status."""
        times_ms = [time for status in statuses_of(data) if (time := declared_time_ms(status)) is not None]
        return times_ms[-1] if times_ms else None


FORMAT: Final[WireFormat] = MassiveFormat()
