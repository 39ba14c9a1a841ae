"""Follows the settings of the processes that run jobs (`mdp_site.jobs_settings`)."""

import asyncio
import contextlib
import functools
import sys
import threading
from typing import Final

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.runtime.identity import process_identity
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.settings import own_settings
from marketdata.runtime.steering import Steering
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from mdp_site.jobs_settings import JOBS_ROLE, JobsSettings

FIRST_READ_SECONDS: Final = 2.0
"""How long the first job waits for the wanted settings. While the cache is away, jobs run as before."""

COMMAND: Final = "qcluster"


class FollowedSettings:
    """The settings of this process, followed by a thread: django-q2 has no event loop."""

    def __init__(self) -> None:
        self._own = own_settings(JobsSettings, settings.DECLARED_SETTINGS)
        self._live = LiveSettings(self._own, source=process_identity(), clock=SystemClock())
        self._was_read = threading.Event()
        threading.Thread(target=self._run, name="settings", daemon=True).start()
        self._was_read.wait(FIRST_READ_SECONDS)

    @property
    def works(self) -> bool:
        """Whether this process may take jobs. Any thread may ask."""
        return self._live.works

    def _run(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
            records = InstanceRecords(redis, Keys(settings.MDC_KEY_PREFIX), JOBS_ROLE, self._live.source)
            steering = Steering(records, self._live, default=self._own)
            await steering.begin()
            self._was_read.set()
            await steering.run()


@functools.cache
def followed_settings() -> FollowedSettings:
    """Those of this process. Its first call begins to follow them."""
    return FollowedSettings()


def may_take_jobs() -> bool:
    """Whether this process may take jobs now. Only `manage.py qcluster` follows what operators want."""
    return sys.argv[1:2] != [COMMAND] or followed_settings().works
