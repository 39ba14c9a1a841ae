"""The task that reads the listener's status record, once for all connections.

Each read also shows whether the store answers.
"""

import asyncio
from typing import Protocol

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.listener.wanted import read_actual
from marketdata.observability.logs import RateLimitedLog, get_logger
from widgets.hub.liveness import Liveness

_log = get_logger(__name__)


class ListenerRecord(Protocol):
    """The part of `marketdata.store.service_records.ServiceRecords` that the hub uses."""

    async def actual(self) -> bytes | None:
        """The newest status record of the listener, or None if it has expired."""


class ListenerWatch:
    """Reads the listener's record every `interval_seconds` and passes it to `liveness`.

    A store that accepts connections and has not answered within `deadline_seconds` is away, too.
    """

    def __init__(
        self, record: ListenerRecord, liveness: Liveness, interval_seconds: float, deadline_seconds: float
    ) -> None:
        self._record = record
        self._liveness = liveness
        self._interval_seconds = interval_seconds
        self._deadline_seconds = deadline_seconds
        self._log = RateLimitedLog(_log)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._read()
            await asyncio.sleep(self._interval_seconds)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                record = await self._record.actual()
            self._liveness.note_listener(None if record is None else read_actual(record))
        except (StoreUnavailable, TimeoutError):  # the announcement reader logs the reason
            self._liveness.note_store_failure()
        except ContentError as error:  # another version or another program wrote it: the same as no record
            self._liveness.note_listener(None)
            self._log.warning("listener's record cannot be read", reason=error.reason, error=str(error))
