"""Processes that contend for one role in virtual time, over a store that can be away, silent or slow."""

import asyncio
from collections.abc import Awaitable, Callable

from marketdata.errors import StoreUnavailable
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.leadership import RENEWALS_PER_TTL, Leadership, WhenUnreachable
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

TTL_SECONDS = 3.0
RENEWAL_SECONDS = TTL_SECONDS / RENEWALS_PER_TTL
STANDBY_SECONDS = 0.5
LOOK_SECONDS = 0.05
LEAD_ON, STEP_DOWN = WhenUnreachable.LEAD_ON, WhenUnreachable.STEP_DOWN


class Store:
    """The one entry that all contend for, in virtual time."""

    def __init__(self) -> None:
        self.owner = ""
        self.expires_at = 0.0

    def take(self, owner: str, ttl_seconds: float) -> bool:
        now = VirtualClock().monotonic()
        if self.owner not in {"", owner} and now < self.expires_at:
            return False
        self.owner, self.expires_at = owner, now + ttl_seconds
        return True

    def give_up(self, owner: str) -> None:
        if self.owner == owner:
            self.owner = ""


class ContendedLease:
    """One contender's way to the store: it may be cut off, or slow in both directions."""

    ttl_ms = round(TTL_SECONDS * 1_000)

    def __init__(self, store: Store, owner: str) -> None:
        self.store = store
        self.owner = owner
        self.is_cut_off = False
        self.hangs = False
        self.delay_seconds = 0.0
        self.refusal: Exception | None = None
        self.questions: list[float] = []

    @property
    def answers(self) -> bool:
        """Whether a request sent now is answered."""
        return not self.is_cut_off and not self.hangs

    async def acquire(self) -> bool:
        return await self.renew()

    async def renew(self) -> bool:
        self.questions.append(VirtualClock().monotonic())
        await self._travel()
        answer = self.store.take(self.owner, TTL_SECONDS)
        await self._travel()
        return answer

    async def release(self) -> None:
        await self._travel()
        self.store.give_up(self.owner)

    async def _travel(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay_seconds)
        if self.refusal is not None:
            raise self.refusal
        if self.is_cut_off:
            raise StoreUnavailable("cut off")


def contender(
    lease: ContendedLease,
    when_unreachable: WhenUnreachable = STEP_DOWN,
    eligible: Callable[[], bool] = lambda: True,
) -> Leadership:
    return Leadership(
        lease,
        role="scanner",
        when_unreachable=when_unreachable,
        clock=VirtualClock(),
        standby_seconds=STANDBY_SECONDS,
        backoff=Backoff(initial_seconds=0.1, maximum_seconds=STANDBY_SECONDS),
        eligible=eligible,
    )


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run the test on a loop of its own, whose time passes at once."""

    def run() -> None:
        async def work() -> None:
            await test()

        run_in_virtual_time(work())

    run.__name__, run.__doc__ = getattr(test, "__name__", "test"), test.__doc__
    return run


class Tenures:
    """A contender that leads whenever it can, and what happened to it."""

    def __init__(self, leadership: Leadership) -> None:
        self.leadership = leadership
        self.stopping = asyncio.Event()
        self.active = False
        self.count = 0
        self.ended_at = 0.0
        self.task = asyncio.create_task(leadership.run(self.stopping, self._lead))

    async def _lead(self, over: asyncio.Event) -> None:
        self.active, self.count = True, self.count + 1
        await over.wait()
        self.active, self.ended_at = False, VirtualClock().monotonic()

    @property
    def acts(self) -> bool:
        """Whether it does what only the leader may do."""
        return self.active and self.leadership.leads

    async def stop(self) -> None:
        self.stopping.set()
        await self.task
