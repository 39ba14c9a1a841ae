"""Observes the depths of the queues at an interval, outside the path of the batches."""

import asyncio
from typing import Final

from marketdata.errors import TopologyMismatch, TransportUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.backoff import stopped_within
from marketdata.transport.accounting import clear_depths
from marketdata.transport.base import Transport

INTERVAL_SECONDS: Final = 5.0

log = RateLimitedLog(get_logger(__name__))


class QueueMonitor:
    """Keeps the depths of all queues in the metrics (`mdp_transport_queue_batches`).

    Published, received, expired and dropped batches are counted where that happens, but only the broker
    knows a depth. One process at a time should observe it: the listener that holds the role.
    """

    def __init__(self, transport: Transport, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._transport = transport
        self._interval_seconds = interval_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Observe at every interval until `stopping`. While the broker does not answer, no depth is shown."""
        try:
            while not await stopped_within(stopping, self._interval_seconds):
                await self.observe()
        finally:
            clear_depths()

    async def observe(self) -> None:
        """Observe the depths once."""
        try:
            await self._transport.depths()
        except (TransportUnavailable, TopologyMismatch) as error:
            clear_depths()
            log.warning("queue depths unknown", reason="queue_depths", error=str(error))
