"""Wanted against actual: follows what operators store in the cache, and reports what came of it."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import structs

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable
from marketdata.listener.ledger import Ledger
from marketdata.listener.wanted import ListenerActual, ListenerWanted, encode, read_wanted
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.providers.base import FeedTarget, Provider
from marketdata.store.service_records import ServiceRecords, WantedAnnouncements

REPORT_INTERVAL_SECONDS: Final = 0.5
REPORT_LIFETIME_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
NANOSECONDS_PER_MS: Final = 1_000_000

log = get_logger(__name__)


class Steering:
    """Aims the provider at the wanted state, and tells the actual one while it runs.

    `default` holds until a state is stored. A cache that lost the stored state (restarted empty) gets the
    newest known one back: a listener that was stopped stays stopped. While the cache is away nothing changes.
    Without `records` the default holds for good, and nothing is told. `on_target` hears what the provider was
    aimed at, each time.
    """

    def __init__(
        self,
        records: ServiceRecords | None,
        provider: Provider,
        ledger: Ledger,
        *,
        default: ListenerWanted | None,
        source: str,
        clock: Clock,
        on_target: Callable[[FeedTarget], object] | None = None,
    ) -> None:
        self._on_target = on_target
        self._records = records
        self._provider = provider
        self._ledger = ledger
        self._applied = default
        self._source = source
        self._clock = clock
        self._seen: bytes | None = None
        self._refused_version = 0
        self._refusal = ""
        self._log = RateLimitedLog(log)

    @property
    def applied(self) -> ListenerWanted | None:
        """The newest wanted state that was accepted."""
        return self._applied

    async def begin(self) -> None:
        """Take over what is wanted before the first connection is made, if it can be read already."""
        try:
            await self._follow()
        except StoreUnavailable as error:
            self._note_trouble(error)

    async def run(self) -> None:
        """Follow and tell until cancelled."""
        if self._records is None:
            return
        while True:
            try:
                async with self._records.announcements() as announcements:
                    await self._follow_and_tell(self._records, announcements)
            except StoreUnavailable as error:
                self._note_trouble(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow_and_tell(self, records: ServiceRecords, announcements: WantedAnnouncements) -> None:
        while True:
            await self._follow()
            if (actual := self.actual()) is not None:
                await records.tell_actual(encode(actual), lifetime_seconds=REPORT_LIFETIME_SECONDS)
            await announcements.wait(REPORT_INTERVAL_SECONDS)

    async def _follow(self) -> None:
        if self._records is None:
            return
        stored = await self._records.wanted()
        if stored is None:
            await self._restore(self._records)
        elif stored != self._seen:
            self._seen = stored
            self._apply(stored)

    async def _restore(self, records: ServiceRecords) -> None:
        if self._applied is not None and self._applied.version:
            self._seen = encode(self._applied)
            if await records.replace_wanted(None, self._seen):
                log.warning("wanted state restored", version=self._applied.version)

    def _apply(self, stored: bytes) -> None:
        try:
            wanted = read_wanted(stored)
        except ContentError as error:
            self._refuse(0, str(error))
            return
        target = wanted.target
        try:
            self._provider.aim(target)
        except ConfigurationError as error:
            self._refuse(wanted.version, str(error))
            return
        if target is not None and self._on_target is not None:
            self._on_target(target)
        self._refused_version, self._refusal = 0, ""
        self._applied = wanted
        log.info("wanted state applied", **structs.asdict(wanted))

    def _refuse(self, version: int, refusal: str) -> None:
        self._refused_version, self._refusal = version, refusal
        log.error("wanted state refused", version=version, reason="not_accepted", detail=refusal)

    def actual(self) -> ListenerActual | None:
        """How things are now; None when nobody ever said what is wanted."""
        applied = self._applied
        if applied is None:
            return None
        status, session = self._provider.status, self._provider.session
        asked_for = applied.subscriptions if applied.running else ()
        return ListenerActual(
            source=self._source,
            reported_at_ms=self._clock.time_ns() // NANOSECONDS_PER_MS,
            applied=applied,
            state=status.state,
            reason=status.reason,
            detail=status.detail or session.complaint,
            session=session.number,
            live_since_ms=session.live_since_ns // NANOSECONDS_PER_MS,
            unconfirmed=sorted(set(asked_for) ^ set(session.confirmed)) if asked_for else (),
            counters=self._ledger.counters(self._provider.counts),
            refused_version=self._refused_version,
            refusal=self._refusal,
        )

    def _note_trouble(self, error: StoreUnavailable) -> None:
        self._log.warning("wanted state unknown", reason="store_unavailable", error=str(error))
