"""What keeps an owner from its work now. A failure that is not reported again is checked again."""

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
"""Longer than any pause of the work: while the work goes on, it reports a failure again before that."""

ASK_SECONDS: Final = 0.5


class Dependencies:
    """The dependencies of one shard's owner: which of them failed, why, and when that was reported last.

    The owner's work reports what failed and what answered. After a failure that work may have ended: another
    worker has the shard, and nothing here uses the broker any more. So the dependency of a failure that is
    not reported again is asked from here, until it answers.
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
        """Dependency -> why it cannot be used; empty when all can."""
        return {str(dependency): reason for dependency, reason in self._failures.items()}

    def failed(self, dependency: Dependency, reason: str) -> None:
        """The work could not use a dependency."""
        self._failures[dependency] = reason
        self._reported_at[dependency] = self._clock.monotonic()

    def answered(self, dependency: Dependency) -> None:
        """A dependency did what it was asked for."""
        self._failures.pop(dependency, None)

    async def keep_asking(self, stopping: asyncio.Event) -> None:
        """Check failures that are not reported again, until told to stop."""
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
            pass  # foreign bytes, but from a cache that answers
        self.answered(dependency)
