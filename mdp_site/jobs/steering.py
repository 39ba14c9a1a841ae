"""Follows the settings of the processes that run jobs (`mdp_site.jobs_settings`).

`manage.py qcluster` is the parent of several processes: one takes orders from the database, others do the
jobs. The parent alone follows what operators want, and passes it on to its children.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.runtime.cancellation import end
from marketdata.runtime.identity import process_identity
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import ServiceStatus
from marketdata.runtime.settings import own_settings
from marketdata.runtime.steering import Steering
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from mdp_site.jobs.passed_on import PassedOn
from mdp_site.jobs_settings import JOBS_ROLE, JobsSettings

FIRST_READ_SECONDS: Final = 2.0
"""How long the first job waits for the wanted settings. While the cache is away, jobs run as before."""


class _Parent(NamedTuple):
    """What the children see of their parent: its settings, and the identity under which operators know it."""

    passed_on: PassedOn[JobsSettings]
    identity: str


_parents: Final[list[_Parent]] = []
"""One in `manage.py qcluster` and, since they are forked, in its children. None in any other process."""


def jobs_settings() -> JobsSettings:
    """The settings that apply now: what operators want where jobs run, the environment's elsewhere.

    In a child, those of the whole process, such as the log level, take effect with this call.
    """
    if _parents:
        return _parents[-1].passed_on.current
    return own_settings(JobsSettings, settings.DECLARED_SETTINGS)


def may_take_jobs() -> bool:
    """Whether this process may take jobs now."""
    return not _parents or jobs_settings().works(_parents[-1].identity)


class JobsSteering:
    """Steers the parent and its children. `begin` comes before the children are forked, `following` after.

    Each has an event loop of its own: a fork beside a running one is not safe.
    """

    def __init__(self) -> None:
        own = jobs_settings()
        self._live = LiveSettings(own, source=process_identity(), clock=SystemClock())
        self._passed_on = PassedOn(own)

    def begin(self) -> None:
        """Apply the wanted settings, if the cache can be reached soon."""
        asyncio.run(self._apply_first())
        self._passed_on.put(self._live.current)
        _parents.append(_Parent(self._passed_on, self._live.source))

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[Callable[[], ServiceStatus]]:
        """Follow the wanted settings and report the actual ones. Yields the status for the report."""
        async with self._steering() as steering:
            tasks = (
                asyncio.create_task(steering.run(), name="settings"),
                asyncio.create_task(self._pass_on(), name="pass settings on"),
            )
            try:
                yield lambda: ServiceStatus(settings=steering.status)
            finally:
                await end(*tasks)
                await steering.withdraw()

    async def _apply_first(self) -> None:
        async with self._steering() as steering:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_READ_SECONDS):
                    await steering.begin()

    @contextlib.asynccontextmanager
    async def _steering(self) -> AsyncIterator[Steering[JobsSettings]]:
        async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
            records = InstanceRecords(redis, Keys(settings.MDC_KEY_PREFIX), JOBS_ROLE, self._live.source)
            yield Steering(records, self._live, default=self._live.current)

    async def _pass_on(self) -> None:
        while True:
            known = self._live.current
            self._passed_on.put(known)
            await self._live.until(lambda current, known=known: current is not known)  # type: ignore[misc]
