"""The failures that keep an owner from its work. A failure that is not reported again is checked here."""

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
"""Longer than any pause of the work: an owner that still works reports a failure again sooner."""

ASK_SECONDS: Final = 0.5


class Dependencies:
    """The dependencies of one shard's owner: which failed, why, and when that was last reported.

    The owner reports which dependency failed and which answered. After a failure its work may have ended,
    because another worker has the shard. Then this process does not use the broker any more and would never
    learn that it answers again. So this class asks a failed dependency itself until it answers.
    """

    def __init__(self, shard: int, transport: Transport, snapshots: SnapshotReader, clock: Clock) -> None:
        self._shard = shard
        self._transport = transport
        self._snapshots = snapshots
        self._clock = clock
        self._failures: dict[Dependency, str] = {}
        self._reported_at: dict[Dependency, float] = {}

    @property
    def failures(self) -> Mapping[str, str]:
        """Dependency -> why it cannot be used; empty when all work."""
        return {str(dependency): reason for dependency, reason in self._failures.items()}

    def failed(self, dependency: Dependency, reason: str) -> None:
        """Note that a dependency could not be used."""
        self._failures[dependency] = reason
        self._reported_at[dependency] = self._clock.monotonic()

    def answered(self, dependency: Dependency) -> None:
        """Note that a dependency worked."""
        self._failures.pop(dependency, None)

    async def keep_asking(self, stopping: asyncio.Event) -> None:
        """Check failures that are not reported again, until `stopping` is set."""
        while not await stopped_within(stopping, ASK_SECONDS):
            for dependency in tuple(self._failures):
                if self._clock.monotonic() - self._reported_at[dependency] >= STALE_AFTER_SECONDS:
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
            pass  # the bytes are not ours, but the cache answers
        self.answered(dependency)
