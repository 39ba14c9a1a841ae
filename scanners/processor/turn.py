"""When a worker may ask for a shard: at once, or only while the preferred worker cannot work.

The transport gives a shard to the first worker that asks. So that workers share the shards evenly, each shard
has a preferred worker. While that worker can work, it holds a lease in the cache, the *claim*. Then the
others do not ask for the shard, and give it back if they own it. While the cache is away, no claim can be
read, and the owner of a shard keeps it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from marketdata.errors import StoreUnavailable
from marketdata.runtime.backoff import stopped_within
from marketdata.runtime.cancellation import first_of
from marketdata.runtime.leadership import Leadership, RenewableLease, WhenUnreachable

CLAIM_TTL_MS: Final = 2_000
CLAIM_RENEWAL_SECONDS: Final = 0.5
CLAIM_POLL_SECONDS: Final = 0.3
START_GRACE_SECONDS: Final = 3.0
"""How long the others wait after their start, so that a preferred worker that starts too can claim first."""


class Claim(RenewableLease, Protocol):
    """A lease in the cache (`marketdata.store.leases.Lease`). Every method may raise `StoreUnavailable`."""

    async def is_held(self) -> bool:
        """Whether any worker holds it."""


class Turn(Protocol):
    """When one worker may ask for one shard, and when it must give it back."""

    @property
    def over(self) -> asyncio.Event:
        """Set while the shard must be left to another worker."""

    async def wait_until_allowed(self, stopping: asyncio.Event) -> None:
        """Wait until this worker may ask for the shard, or until `stopping` is set."""

    async def run(self, stopping: asyncio.Event, can_work: Callable[[], bool]) -> None:
        """Hold or watch the claim until `stopping` is set. `can_work`: whether this worker can work now."""


class AnyTurn:
    """No worker is preferred: the transport alone decides who owns the shard."""

    def __init__(self) -> None:
        self.over: Final = asyncio.Event()

    async def wait_until_allowed(self, stopping: asyncio.Event) -> None:
        """Return at once: this worker may always ask for the shard."""

    async def run(self, stopping: asyncio.Event, can_work: Callable[[], bool]) -> None:
        """Return at once: there is no claim."""


class PreferredTurn:
    """This worker is the preferred one of the shard."""

    def __init__(self, claim: Claim, *, shard: int, renewal_seconds: float = CLAIM_RENEWAL_SECONDS) -> None:
        self.over: Final = asyncio.Event()
        self._shard = shard
        self._claim = claim
        self._renewal_seconds = renewal_seconds

    async def wait_until_allowed(self, stopping: asyncio.Event) -> None:
        """Return at once: this worker may always ask for the shard."""

    async def run(self, stopping: asyncio.Event, can_work: Callable[[], bool]) -> None:
        """Claim the shard for as long as this worker can work on it.

        Only the other workers read the claim, so while the cache is away this one goes on with its work.
        """
        claiming = Leadership(
            self._claim,
            role=f"claim of shard {self._shard}",
            when_unreachable=WhenUnreachable.LEAD_ON,
            renewal_seconds=self._renewal_seconds,
            eligible=can_work,
        )
        await claiming.run(stopping, asyncio.Event.wait)


class SubstituteTurn:
    """Another worker is preferred: this one takes the shard only while there is no claim."""

    def __init__(
        self,
        claim: Claim,
        *,
        grace_seconds: float = START_GRACE_SECONDS,
        poll_seconds: float = CLAIM_POLL_SECONDS,
    ) -> None:
        self.over: Final = asyncio.Event()
        self._free = asyncio.Event()
        self._claim = claim
        self._grace_seconds = grace_seconds
        self._poll_seconds = poll_seconds

    async def wait_until_allowed(self, stopping: asyncio.Event) -> None:
        """Return once the claim has lapsed."""
        await first_of(self._free, stopping)

    async def run(self, stopping: asyncio.Event, can_work: Callable[[], bool]) -> None:
        """Watch the claim, after a grace period for the preferred worker to claim."""
        self._free.clear()  # from an earlier run, before a pause
        self.over.clear()
        if await stopped_within(stopping, self._grace_seconds):
            return
        while True:
            with contextlib.suppress(StoreUnavailable):
                self._note(is_claimed=await self._claim.is_held())
            if await stopped_within(stopping, self._poll_seconds):
                return

    def _note(self, *, is_claimed: bool) -> None:
        (self.over if is_claimed else self._free).set()
        (self._free if is_claimed else self.over).clear()
