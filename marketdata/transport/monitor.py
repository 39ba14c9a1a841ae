"""Watches the queues from outside the path of the batches."""

import asyncio
from collections.abc import Callable
from typing import Final

from marketdata.errors import TopologyMismatch, TransportUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.backoff import stopped_within
from marketdata.transport.accounting import forget_depths
from marketdata.transport.base import Transport

INTERVAL_SECONDS: Final = 5.0

log = RateLimitedLog(get_logger(__name__))


class QueueMonitor:
    """Keeps the depths of all queues on the metrics page (`mdp_transport_queue_batches`).

    What is published, received, expired and dropped is counted where it happens; a depth only the
    broker knows. One process at a time should watch: the listener that holds the role of the one.
    `tell` hears each time why the broker did not answer, or an empty text.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        interval_seconds: float | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self._transport = transport
        self._tell = tell
        self._interval_seconds = INTERVAL_SECONDS if interval_seconds is None else interval_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Ask at every interval until `stopping`; while the broker does not answer no depth is shown."""
        try:
            while not await stopped_within(stopping, self._interval_seconds):
                await self.observe()
        finally:
            forget_depths()

    async def observe(self) -> None:
        """Ask once."""
        try:
            await self._transport.depths()
        except (TransportUnavailable, TopologyMismatch) as error:
            forget_depths()
            log.warning("queue depths unknown", reason="queue_depths", error=str(error))
            trouble = str(error) or type(error).__name__
        else:
            trouble = ""
        if self._tell is not None:
            self._tell(trouble)
