"""The task that reads what listener, processors and scanners report, once for all connections.

Each read also shows whether the store answers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.listener.wanted import read_actual
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.live_settings import read_actual as read_actual_settings
from widgets.hub.liveness import Liveness

_log = get_logger(__name__)


class ListenerRecord(Protocol):
    """The part of `marketdata.store.service_records.ServiceRecords` that the hub uses."""

    async def actual(self) -> bytes | None:
        """The newest status record of the listener, or None if it has expired."""


class RoleReports(Protocol):
    """The part of `ServiceRecords` with the reports of the processes of a role."""

    async def actual_of_instances(self) -> Sequence[bytes]:
        """The newest report of each process."""


class ListenerWatch:
    """Reads the listener's record every `interval_seconds` and passes it to `liveness`.

    `roles` are the reports of the other roles, by name. A role is paused if operators want no process of it
    to work. A store that accepts connections and has not answered within `deadline_seconds` is away, too.
    """

    def __init__(
        self,
        record: ListenerRecord,
        roles: Mapping[str, RoleReports],
        liveness: Liveness,
        interval_seconds: float,
        deadline_seconds: float,
    ) -> None:
        self._record = record
        self._roles = roles
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
                paused = [name for name, reports in self._roles.items() if await self._is_paused(reports)]
            self._liveness.note_paused(paused)
            self._liveness.note_listener(None if record is None else read_actual(record))
        except (StoreUnavailable, TimeoutError):  # the announcement reader logs the reason
            self._liveness.note_store_failure()
        except ContentError as error:  # another version or another program wrote it: the same as no record
            self._liveness.note_listener(None)
            self._log.warning("listener's record cannot be read", reason=error.reason, error=str(error))

    async def _is_paused(self, reports: RoleReports) -> bool:
        try:
            actual = [read_actual_settings(stored) for stored in await reports.actual_of_instances()]
        except ContentError as error:
            self._log.warning("a report cannot be read", reason=error.reason, error=str(error))
            return False
        return bool(actual) and not any(each.works for each in actual)
