"""Reads what the listener tells of itself, once for all connections. So the store is seen, too."""

import asyncio
from typing import Protocol

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.listener.wanted import read_actual
from marketdata.observability.logs import RateLimitedLog, get_logger
from widgets.hub.liveness import Liveness

_log = get_logger(__name__)


class ListenerRecord(Protocol):
    """What the hub asks of `marketdata.store.service_records.ServiceRecords`."""

    async def actual(self) -> bytes | None:
        """What the listener last told of itself, or None when it has not lately."""


class ListenerWatch:
    """Keeps `liveness` informed, every `interval_seconds`."""

    def __init__(self, record: ListenerRecord, liveness: Liveness, interval_seconds: float) -> None:
        self._record = record
        self._liveness = liveness
        self._interval_seconds = interval_seconds
        self._log = RateLimitedLog(_log)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(self._interval_seconds)

    async def _look(self) -> None:
        try:
            told = await self._record.actual()
            self._liveness.listener_told(None if told is None else read_actual(told))
        except StoreUnavailable:  # whoever hears the announcements logs why
            self._liveness.store_failed()
        except ContentError as error:  # of another version, or not ours: as if nothing were told
            self._liveness.listener_told(None)
            self._log.warning("listener's record cannot be read", reason=error.reason, error=str(error))
