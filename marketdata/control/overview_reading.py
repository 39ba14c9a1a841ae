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
TWO_REPORTS_SECONDS: Final = 1.5
"""Processes report every second, a little less often on a busy machine. Rates need two reports."""

JOBS_SECONDS: Final = 2.0
"""So often the schedules are read. Their times are in minutes. But so a database that is away is noticed."""

SETTLING_SECONDS: Final = 3.0
"""A cache that comes back may be empty. After this time all processes have reported to it again."""

ANSWER_SECONDS: Final = 3.0
"""How long a reading waits for the cache, and for the database."""

CACHE: Final = "cache"
DATABASE: Final = "database"
SOURCES: Final = (CACHE, DATABASE)

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
        self._read_ms: dict[str, int] = {}
        self._away_until = 0.0
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
        now_ms = self._clock.time_ns() // NS_PER_MS
        stored, jobs = await asyncio.gather(
            _within(CACHE, self._read_records(), unread), _within(DATABASE, self._jobs.newest(), unread)
        )
        if stored is None:
            self._away_until = self._clock.monotonic() + SETTLING_SECONDS
        elif self._clock.monotonic() < self._away_until:
            stored, unread[CACHE] = None, "it answers again, and the processes have not yet reported to it"
        since_ms = {source: self._read_ms[source] for source in unread if source in self._read_ms}
        self._read_ms |= {source: now_ms for source in SOURCES if source not in unread}
        if stored is None:
            return Overview(read_at_ms=now_ms, jobs=jobs, unread=unread, unread_since_ms=since_ms)
        self._last_good = read_overview(
            stored, before=self._last_good, jobs=jobs, unread=unread, unread_since_ms=since_ms
        )
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
