"""Changes the wanted settings of a service in the cache alone, as the delivery of revisions does."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Generic

from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.control import (
    Effect,
    Followers,
    ProcessFollowers,
    Report,
    RevisionOutcome,
    changed,
    effect_within,
    encode_given,
    read_given,
)
from marketdata.runtime.settings import S, read_settings
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from scanners.settings import ProcessorSettings
from tests.support.deadlines import scaled


class CacheSteering(Generic[S]):
    """Steers the processes that follow `records`, with no database. `own` is the environment of a process."""

    def __init__(self, records: ServiceRecords, own: S, followers: Followers) -> None:
        self._records = records
        self._own = own
        self._followers = followers

    async def wanted(self) -> S:
        """The wanted settings."""
        stored = await self._records.wanted()
        return self._own if stored is None else read_settings(stored, self._own)

    async def change(self, changes: Mapping[str, object], unset: Collection[str] = ()) -> int:
        """Store a record with these changes, and return its version."""
        while True:
            stored = await self._records.wanted()
            version, given = (0, {}) if stored is None else read_given(type(self._own), stored)
            after = changed(type(self._own), given, changes, unset)
            if await self._records.replace_wanted(stored, encode_given(after, version + 1)):
                return version + 1

    async def reports(self) -> Sequence[Report]:
        """The reports of the processes."""
        return await self._followers.reports()

    async def effect(self, version: int, deadline_seconds: float) -> Effect:
        """What became of a version, at the latest after the deadline."""
        return await effect_within(
            self._followers, version, deadline_seconds=deadline_seconds, clock=SystemClock()
        )


EFFECT_SECONDS: Final = 2.0
"""Within this time every process applies a change."""

QUICK: Final = ProcessorSettings(longest_publish_interval_ms=50)
"""The environment of a processor that publishes soon."""


async def applied(control: CacheSteering[S], **values: object) -> None:
    """Change these settings. Every process must apply them in time."""
    version = await control.change(values)
    effect = await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    assert effect.outcome is RevisionOutcome.APPLIED, effect.explanation


def steering_of(redis: Redis, keys: Keys, service: str, own: S) -> CacheSteering[S]:
    """Steers the processes of a service that each report for themselves."""
    records = ServiceRecords(redis, keys, service)
    return CacheSteering(records, own, ProcessFollowers(records))
