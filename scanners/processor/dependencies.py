"""What keeps an owner from its work now: a complaint is not remembered, but repeated or put to the test."""

import asyncio
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from marketdata.clock import Clock
from marketdata.errors import ContentError, StoreUnavailable, TopologyMismatch, TransportUnavailable
from marketdata.runtime.backoff import stopped_within
from marketdata.runtime.cancellation import finished_before
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Transport

Dependency: TypeAlias = Literal["queues", "cache"]

STALE_AFTER_SECONDS: Final = 2.0
"""Longer than any pause of the work: whoever still works at it repeats its complaint before."""

ASK_SECONDS: Final = 0.5


class Dependencies:
    """The dependencies of one shard's owner: who complained of which, and when.

    The work tells what failed and what answers. But after a failure it may be over: another worker has the
    shard, and nothing asks the broker here any more. So a complaint that is not repeated is put to the
    dependency again, until it is answered.
    """

    def __init__(self, shard: int, transport: Transport, snapshots: SnapshotReader, clock: Clock) -> None:
        self._shard = shard
        self._transport = transport
        self._snapshots = snapshots
        self._clock = clock
        self._troubles: dict[Dependency, str] = {}
        self._told_at: dict[Dependency, float] = {}

    @property
    def troubles(self) -> Mapping[str, str]:
        """Dependency -> why it cannot be used; empty when all can."""
        return {str(dependency): reason for dependency, reason in self._troubles.items()}

    def failed(self, dependency: Dependency, reason: str) -> None:
        """Note a complaint of the work."""
        self._troubles[dependency] = reason
        self._told_at[dependency] = self._clock.monotonic()

    def answered(self, dependency: Dependency) -> None:
        """Note that it did what it was asked for."""
        self._troubles.pop(dependency, None)

    async def keep_asking(self, stopping: asyncio.Event) -> None:
        """Put complaints that nobody repeats to the test, until told to stop."""
        while not await stopped_within(stopping, ASK_SECONDS):
            for dependency in tuple(self._troubles):
                if self._clock.monotonic() - self._told_at[dependency] >= STALE_AFTER_SECONDS:
                    await finished_before(self._ask(dependency), stopping)

    async def _ask(self, dependency: Dependency) -> None:
        try:
            if dependency == "queues":
                await self._transport.depths()
            else:
                await self._snapshots.day_of_tapes(self._shard)
        except (TransportUnavailable, TopologyMismatch, StoreUnavailable) as error:
            self.failed(dependency, str(error))
            return
        except ContentError:
            pass  # odd bytes, but from a cache that answers
        self.answered(dependency)
