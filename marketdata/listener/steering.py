"""Wanted against actual: follows what operators store in the cache, and reports what came of it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from msgspec import structs

from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable
from marketdata.feeds import FeedTarget
from marketdata.listener.report import Reporter
from marketdata.listener.wanted import ListenerActual, ListenerWanted, encode, read_wanted
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.providers.base import Provider
from marketdata.store.service_records import ServiceRecords, WantedAnnouncements

REPORT_INTERVAL_SECONDS: Final = 0.5
# Shorter than the age from which data counts as old: a listener that is gone is told as that from the first.
REPORT_LIFETIME_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 1.0

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
        reporter: Reporter,
        *,
        default: ListenerWanted | None,
        on_target: Callable[[FeedTarget], object] | None = None,
    ) -> None:
        self._on_target = on_target
        self._records = records
        self._provider = provider
        self._reporter = reporter
        self._applied = default
        self._told: bytes | None = None
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

    async def tell_before_leading(self) -> None:
        """Until cancelled, tell why this listener does not listen yet; not where another one tells of itself.

        A listener that waits for the broker does not ask for the role. Where nobody has it, its word is the
        only one.
        """
        while self._records is not None and (actual := self.actual()) is not None:
            before, self._told = self._told, encode(actual)
            try:
                await self._records.tell_actual_unless_told(
                    before, self._told, lifetime_seconds=REPORT_LIFETIME_SECONDS
                )
            except StoreUnavailable as error:
                self._note_trouble(error)
            await asyncio.sleep(REPORT_INTERVAL_SECONDS)

    async def withdraw(self) -> None:
        """Take back what this listener told last: it ends. What another one tells by now stays."""
        if self._records is not None and self._told is not None:
            with contextlib.suppress(StoreUnavailable):
                await self._records.withdraw_actual(self._told)

    async def _follow_and_tell(self, records: ServiceRecords, announcements: WantedAnnouncements) -> None:
        while True:
            await self._follow()
            if (actual := self.actual()) is not None:
                self._told = encode(actual)
                await records.tell_actual(self._told, lifetime_seconds=REPORT_LIFETIME_SECONDS)
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
        if self._applied is None:
            return None
        return self._reporter.actual(
            self._applied, refused_version=self._refused_version, refusal=self._refusal
        )

    def _note_trouble(self, error: StoreUnavailable) -> None:
        self._log.warning("wanted state unknown", reason="store_unavailable", error=str(error))
