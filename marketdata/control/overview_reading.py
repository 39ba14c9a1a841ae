"""Reads the overview: one round trip to the cache a second, for any number of readers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from marketdata.clock import Clock
from marketdata.control.overview import Reading, read_overview
from marketdata.control.views import JobView, Overview
from marketdata.errors import Unavailable
from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.reference.state import REFERENCE_SERVICE
from marketdata.store.process_records import ProcessRecords, StoredOverview
from marketdata.units import NS_PER_MS

READING_SECONDS: Final = 1.0
JOBS_SECONDS: Final = 5.0
"""So often the schedules are read. Their times are in minutes."""

ANSWER_SECONDS: Final = 3.0
"""How long a reading waits for the cache, and for the database."""

T = TypeVar("T")


class OverviewReader:
    """Reads the overview of an installation. For one event loop.

    `services` have wanted settings. Set-aside pieces are read of `shard_count` shards. `read_jobs` reads the
    schedules; it raises `Unavailable` if the database is away. A source that is away is named in the
    overview, and does not end the reading of the other.
    """

    def __init__(
        self,
        records: ProcessRecords,
        *,
        services: Sequence[str],
        shard_count: int,
        read_jobs: Callable[[], Awaitable[Sequence[JobView]]],
        clock: Clock,
    ) -> None:
        self._records = records
        self._services = services
        self._shard_count = shard_count
        self._jobs = _Jobs(read_jobs, clock)
        self._clock = clock
        self._newest: Overview | None = None
        self._last_good: Reading | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def newest(self) -> Overview:
        """The overview, at most `READING_SECONDS` old. Readers at the same time share one reading."""
        async with self._reading:
            now = self._clock.monotonic()
            if self._newest is None or now - self._read_at >= READING_SECONDS:
                self._newest, self._read_at = await self._read(), now
            return self._newest

    async def _read(self) -> Overview:
        unread: dict[str, str] = {}
        stored, jobs = await asyncio.gather(
            _within("cache", self._read_records(), unread), _within("database", self._jobs.newest(), unread)
        )
        if stored is None:
            return Overview(read_at_ms=self._clock.time_ns() // NS_PER_MS, jobs=jobs, unread=unread)
        self._last_good = read_overview(stored, before=self._last_good, jobs=jobs, unread=unread)
        return self._last_good.overview

    async def _read_records(self) -> StoredOverview:
        return await self._records.overview(
            self._services, listener=LISTENER, reference=REFERENCE_SERVICE, shard_count=self._shard_count
        )


class _Jobs:
    """The schedules, at most `JOBS_SECONDS` old. A database that is away is asked again each time."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[JobView]]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._newest: Sequence[JobView] = ()
        self._read_at = -JOBS_SECONDS

    async def newest(self) -> Sequence[JobView]:
        """The views. Raises as `read`."""
        now = self._clock.monotonic()
        if now - self._read_at >= JOBS_SECONDS:
            self._newest, self._read_at = await self._read(), now
        return self._newest


async def _within(source: str, reading: Awaitable[T], unread: dict[str, str]) -> T | None:
    """What a source answers in time. If it does not, it is added to `unread` with the reason."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await reading
    except TimeoutError:
        unread[source] = f"no answer within {ANSWER_SECONDS:g} s"
    except Unavailable as error:
        unread[source] = str(error)
    return None
