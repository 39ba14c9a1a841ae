"""When a worker may ask for a shard: at once, or only while the worker that prefers it is away.

The transport gives a shard to one owner, whoever comes first. So that workers share the shards evenly, each
shard is preferred by one of them: while that one can work it holds a lease in the cache, the *claim*, and the
others leave the shard alone, or give it back. Without the cache nobody's claim can be seen, and
whoever owns a shard keeps it.
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
"""How long the others wait at first: workers that start together need a while until they can claim."""


class Claim(RenewableLease, Protocol):
    """A lease in the cache (`marketdata.store.leases.Lease`). Every method may raise `StoreUnavailable`."""

    async def is_held(self) -> bool:
        """Whether anybody holds it."""


class Turn(Protocol):
    """One worker's relation to one shard."""

    @property
    def over(self) -> asyncio.Event:
        """Set while the shard must be left to another worker."""

    async def come(self, stopping: asyncio.Event) -> None:
        """Wait until the shard may be asked for, or until told to stop."""

    async def run(self, stopping: asyncio.Event, is_able: Callable[[], bool]) -> None:
        """Keep the claim up, or watch it, until told to stop. `is_able`: whether this worker can work."""


class AnyTurn:
    """No worker is preferred: the transport alone decides, the others stand by there."""

    def __init__(self) -> None:
        self.over: Final = asyncio.Event()

    async def come(self, stopping: asyncio.Event) -> None:
        """At once."""

    async def run(self, stopping: asyncio.Event, is_able: Callable[[], bool]) -> None:
        """Nothing to do."""


class PreferredTurn:
    """The shard is this worker's before all others."""

    def __init__(self, claim: Claim, *, shard: int, renewal_seconds: float = CLAIM_RENEWAL_SECONDS) -> None:
        self.over: Final = asyncio.Event()
        self._shard = shard
        self._claim = claim
        self._renewal_seconds = renewal_seconds

    async def come(self, stopping: asyncio.Event) -> None:
        """At once."""

    async def run(self, stopping: asyncio.Event, is_able: Callable[[], bool]) -> None:
        """Claim the shard for as long as this worker can work on it.

        The work does not depend on the claim, which only the other workers read: so while the cache is away
        the worker goes on.
        """
        claiming = Leadership(
            self._claim,
            role=f"claim of shard {self._shard}",
            when_unreachable=WhenUnreachable.LEAD_ON,
            renewal_seconds=self._renewal_seconds,
            eligible=is_able,
        )
        await claiming.run(stopping, asyncio.Event.wait)


class SubstituteTurn:
    """The shard is another worker's; this one takes it only while nobody claims it."""

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

    async def come(self, stopping: asyncio.Event) -> None:
        """When the claim has lapsed."""
        await first_of(self._free, stopping)

    async def run(self, stopping: asyncio.Event, is_able: Callable[[], bool]) -> None:
        """Watch the claim."""
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
