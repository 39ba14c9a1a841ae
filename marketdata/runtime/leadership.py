"""A role that one process holds at a time: acquire it, keep it, notice its loss, release it.

The roles differ in one respect, which each declares as its `WhenUnreachable`: what a leader does while it
cannot reach the store of the lease.
"""

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

from marketdata.clock import Clock, SystemClock
from marketdata.errors import MarketDataError, Unavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.backoff import Backoff, stopped_within
from marketdata.runtime.cancellation import end, result_before

RENEWALS_PER_TTL: Final = 3
INITIAL_BACKOFF_SECONDS: Final = 0.1

log = get_logger(__name__)


class RenewableLease(Protocol):
    """An entry in a store that expires unless its holder renews it. All methods may raise `Unavailable`."""

    @property
    def ttl_ms(self) -> int:
        """How long the lease outlives its last renewal."""

    async def acquire(self) -> bool:
        """Take the lease if it is free or already ours; False while another owner holds it."""

    async def renew(self) -> bool:
        """Prolong the lease; False if it is no longer ours."""

    async def release(self) -> None:
        """Give the lease up. No effect if it is not ours."""


class UncontestedLease:
    """The lease of a role without other candidates: it is always ours. Implements `RenewableLease`."""

    ttl_ms: Final = 60_000

    async def acquire(self) -> bool:
        """Always succeeds."""
        return True

    async def renew(self) -> bool:
        """Always succeeds."""
        return True

    async def release(self) -> None:
        """No effect."""


class WhenUnreachable(enum.Enum):
    """What a leader does while it cannot reach the store of its lease."""

    STEP_DOWN = "step down"
    """Lead until `ttl_ms` after the last successful renewal was requested.

    If the store keeps its content, no other process can lead before then.
    """

    LEAD_ON = "lead on"
    """Lead until the store answers that another process leads.

    For a role in which a pause does more harm than a second leader. A standby that cannot reach the store
    cannot take over. A standby that can reach it may lead beside us until we reach the store again, however
    long that takes. Once the store answers all, two lead for one interval of renewals at most, because our
    next request is due within it; a store that loses its content again starts the interval anew. If the
    outage swallowed our last request, we first wait `ttl_ms` for it.
    """


class Leadership:
    """Acquires, keeps and releases one role for this process.

    `role` is its name in logs. `standby_seconds` is the interval at which a standby tries to acquire the
    lease (default: a third of the lease's `ttl_ms`, the interval of a leader's renewals). `backoff` delays
    the attempts of a process that cannot reach the store. A leader's attempts are never further apart than
    its renewals. A process that is not `eligible` neither acquires nor keeps the role.

    Concurrency: one of `acquire`, `renewing`, `run`, `if_free` at a time; the properties at any time.
    """

    def __init__(
        self,
        lease: RenewableLease,
        *,
        role: str,
        when_unreachable: WhenUnreachable,
        clock: Clock | None = None,
        standby_seconds: float | None = None,
        renewal_seconds: float | None = None,
        backoff: Backoff | None = None,
        eligible: Callable[[], bool] = lambda: True,
    ) -> None:
        self._lease = lease
        self._role = role
        self._when_unreachable = when_unreachable
        self._clock = clock or SystemClock()
        self._ttl_seconds = lease.ttl_ms / 1_000
        self._renewal_seconds = renewal_seconds or self._ttl_seconds / RENEWALS_PER_TTL
        self._standby_seconds = standby_seconds or self._renewal_seconds
        self._backoff = backoff or Backoff(
            initial_seconds=INITIAL_BACKOFF_SECONDS, maximum_seconds=self._standby_seconds
        )
        self._eligible = eligible
        self._limited_log = RateLimitedLog(log, clock=self._clock)
        self._held = False
        self._leads_until = 0.0
        self._unreachable = ""
        self._standing_by = "not acquired yet"

    @property
    def leads(self) -> bool:
        """Whether this process may act in the role now."""
        return self._held and (
            self._when_unreachable is WhenUnreachable.LEAD_ON or self._clock.monotonic() < self._leads_until
        )

    @property
    def unreachable(self) -> str:
        """Why the store of the lease did not answer the last request; empty if it did."""
        return self._unreachable

    @property
    def why_not_leading(self) -> str:
        """Why this process does not lead; empty while it does."""
        return "" if self.leads else self._unreachable or self._standing_by

    async def acquire(self, stopping: asyncio.Event, *, wait_for_store: bool = True) -> bool:
        """Stand by until the role is ours; False if `stopping` was set first.

        Raises:
            Unavailable: the store cannot be reached, and `wait_for_store` is False.
        """
        while not stopping.is_set():
            pause_seconds = self._standby_seconds
            if self._eligible():
                try:
                    limit_seconds = self._ttl_seconds if wait_for_store else None
                    question = self._ask(self._lease.acquire, within_seconds=limit_seconds)
                    if await result_before(question, stopping) and self.leads:
                        return True
                except Unavailable as error:
                    if not wait_for_store:
                        raise
                    self._warn(error)
                    pause_seconds = self._backoff.next_delay_seconds()
                else:
                    self._backoff.reset()
            if await stopped_within(stopping, pause_seconds):
                break
        return False

    @contextlib.asynccontextmanager
    async def renewing(self, stopping: asyncio.Event) -> AsyncIterator[asyncio.Event]:
        """Renew the acquired role while the body runs. Yields an event that is set at its loss, or at
        `stopping`.

        The end of the body does not release the role.
        """
        over = asyncio.Event()
        keeping = asyncio.create_task(self._keep(stopping, over), name=f"keep the role {self._role}")
        try:
            yield over
        finally:
            await end(keeping)
            if not keeping.cancelled():
                keeping.result()

    async def run(self, stopping: asyncio.Event, lead: Callable[[asyncio.Event], Awaitable[object]]) -> None:
        """Call `lead` whenever the role becomes ours, until `stopping`; then release the role.

        `lead` must return once its event is set: the role is lost, or `stopping`. If it returns before that,
        it is called again.
        """
        try:
            while await self.acquire(stopping):
                log.info("role taken", role=self._role)
                async with self.renewing(stopping) as over:
                    await lead(over)
        finally:
            await self.release()

    @contextlib.asynccontextmanager
    async def if_free(self) -> AsyncIterator[bool]:
        """Acquire the role if it is free now, and release it after the body. Yields whether it was free.

        For work that may safely be done twice: the body goes on if the role is lost.

        Raises:
            Unavailable: the store cannot be reached.
        """
        if not await self._ask(self._lease.acquire):
            yield False
            return
        try:
            async with self.renewing(asyncio.Event()):
                yield True
        finally:
            await self.release()

    async def release(self) -> None:
        """Release the role. If the store cannot be reached, the lease expires by itself."""
        self._held = False
        with contextlib.suppress(MarketDataError, TimeoutError):
            async with asyncio.timeout(self._ttl_seconds):
                await self._lease.release()

    async def _keep(self, stopping: asyncio.Event, over: asyncio.Event) -> None:
        pause_seconds = self._renewal_seconds
        try:
            while not await stopped_within(stopping, min(pause_seconds, self._seconds_left())):
                if not self._eligible():
                    await self.release()
                    return
                try:
                    question = self._ask(self._lease.renew, within_seconds=self._seconds_left())
                    await result_before(question, stopping)
                except MarketDataError as error:
                    self._warn(error)
                    # Not later than a standby: the first to ask after an outage gets the role.
                    pause_seconds = min(self._renewal_seconds, self._backoff.next_delay_seconds())
                else:
                    self._backoff.reset()
                    pause_seconds = self._renewal_seconds
                if stopping.is_set():
                    return
                if not self.leads:
                    log.warning("role lost", role=self._role, reason=self.why_not_leading)
                    return
        finally:
            over.set()

    def _warn(self, error: MarketDataError) -> None:
        self._limited_log.warning("lease not renewed", reason="lease", role=self._role, error=str(error))

    def _seconds_left(self) -> float:
        """How long it is useful to wait for an answer of the store."""
        if self._when_unreachable is WhenUnreachable.LEAD_ON:
            return self._ttl_seconds
        return max(0.0, self._leads_until - self._clock.monotonic())

    async def _ask(
        self, question: Callable[[], Awaitable[bool]], *, within_seconds: float | None = None
    ) -> bool:
        """The store's answer. The lease lasts `ttl_ms` from the request, or a little longer."""
        asked_at = self._clock.monotonic()
        try:
            self._held = await _answer(question, within_seconds)
        except Unavailable as error:
            self._unreachable = str(error)
            raise
        except MarketDataError as error:  # a permanent failure: this process cannot keep the role
            self._unreachable, self._held = str(error), False
            raise
        self._unreachable = ""
        self._leads_until = asked_at + self._ttl_seconds
        self._standing_by = f"another {self._role} holds it"
        return self._held


async def _answer(question: Callable[[], Awaitable[bool]], within_seconds: float | None) -> bool:
    try:
        async with asyncio.timeout(within_seconds):
            return await question()
    except TimeoutError:
        raise Unavailable(f"the store of the lease gave no answer within {within_seconds} s") from None
