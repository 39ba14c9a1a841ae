"""Wanted against actual: follows what operators want of a running service, and reports what came of it."""

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Protocol

import msgspec

from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.settings import S

REPORT_INTERVAL_SECONDS: Final = 0.5
# Shorter than the age from which data counts as old: a reader sees that a process is gone before that.
REPORT_LIFETIME_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 1.0
WITHDRAWAL_SECONDS: Final = 1.0
"""A stopping process waits no longer for a cache that does not answer: the report expires by itself."""

log = get_logger(__name__)


class Announcements(Protocol):
    """Changes of a wanted state, as they are announced."""

    async def wait(self, seconds: float) -> bool:
        """Wait for a change; False when there was none for so long. Raises `StoreUnavailable`."""


class Records(Protocol):
    """The records of a service: see `marketdata.store.service_records`. All raise `StoreUnavailable`."""

    async def wanted(self) -> bytes | None:
        """The wanted state, or None when none is stored."""

    async def replace_wanted(self, before: bytes | None, after: bytes) -> bool:
        """Store and announce a wanted state, unless another than `before` is stored by now: then False."""

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the actual state; it vanishes unless told again."""

    async def replace_actual(self, before: bytes | None, value: bytes, *, lifetime_seconds: float) -> bool:
        """Likewise, unless something else than `before` is told by now: then False."""

    async def withdraw_actual(self, value: bytes) -> None:
        """Take back what was told, if it is this still."""

    def announcements(self) -> AbstractAsyncContextManager[Announcements]:
        """A subscription to changes of the wanted state."""


class Steered(Protocol[S]):
    """The service's side: what it does with a wanted state, and what it reports."""

    def read(self, stored: bytes) -> S:
        """The wanted state in a record. Raises `ContentError`: something else wrote there."""

    def apply(self, wanted: S) -> None:
        """Take it over as a whole. Raises `ConfigurationError`: it is not accepted, and nothing changed."""

    def report(self, applied: S, *, refused_version: int, refusal: str) -> bytes:
        """The actual state as a record: what is applied, and the version that was refused last and why."""


class Steering(Generic[S]):
    """Applies the wanted state to a service, and reports the actual one while it runs.

    `default` holds until a state is stored. A cache that lost the stored state (restarted empty) gets the
    newest accepted one back: a listener that was stopped stays stopped. While the cache is away nothing
    changes. Without `records` the default holds for good, and nothing is reported.
    """

    def __init__(self, records: Records | None, steered: Steered[S], *, default: S | None) -> None:
        self._records = records
        self._steered = steered
        self._applied = default
        self._accepted: bytes | None = None
        self._seen: bytes | None = None
        self._reported: bytes | None = None
        self._refused_version = 0
        self._refusal = ""
        self._log = RateLimitedLog(log)

    @property
    def applied(self) -> S | None:
        """The newest wanted state that was accepted."""
        return self._applied

    async def begin(self) -> None:
        """Take over what is wanted before the work begins, if it can be read already."""
        try:
            await self._follow()
        except StoreUnavailable as error:
            self._note_trouble(error)

    async def run(self) -> None:
        """Follow and report until cancelled."""
        if self._records is None:
            return
        while True:
            try:
                async with self._records.announcements() as announcements:
                    await self._follow_and_report(self._records, announcements)
            except StoreUnavailable as error:
                self._note_trouble(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def report_before_leading(self) -> None:
        """Until cancelled, report why this process does not work yet; not where another one reports.

        For a service with one leader, while this process does not ask for the role: where nobody has it, its
        word is the only one.
        """
        while self._records is not None and (actual := self._actual()) is not None:
            before, self._reported = self._reported, actual
            try:
                await self._records.replace_actual(before, actual, lifetime_seconds=REPORT_LIFETIME_SECONDS)
            except StoreUnavailable as error:
                self._note_trouble(error)
            await asyncio.sleep(REPORT_INTERVAL_SECONDS)

    async def withdraw(self) -> None:
        """Take back the last report: this process ends. What another one reports by now stays."""
        if self._records is not None and self._reported is not None:
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(WITHDRAWAL_SECONDS):
                    await self._records.withdraw_actual(self._reported)

    async def _follow_and_report(self, records: Records, announcements: Announcements) -> None:
        while True:
            await self._follow()
            if (actual := self._actual()) is not None:
                self._reported = actual
                await records.report_actual(actual, lifetime_seconds=REPORT_LIFETIME_SECONDS)
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

    async def _restore(self, records: Records) -> None:
        if self._accepted is not None and self._applied is not None and self._applied.version:
            self._seen = self._accepted
            if await records.replace_wanted(None, self._accepted):
                log.warning("wanted state restored", version=self._applied.version)

    def _apply(self, stored: bytes) -> None:
        try:
            wanted = self._steered.read(stored)
        except ContentError as error:
            self._refuse(0, str(error))
            return
        try:
            self._steered.apply(wanted)
        except ConfigurationError as error:
            self._refuse(wanted.version, str(error))
            return
        self._refused_version, self._refusal = 0, ""
        self._applied, self._accepted = wanted, stored
        log.info("wanted state applied", **msgspec.structs.asdict(wanted))

    def _refuse(self, version: int, refusal: str) -> None:
        self._refused_version, self._refusal = version, refusal
        log.error("wanted state refused", version=version, reason="not_accepted", detail=refusal)

    def _actual(self) -> bytes | None:
        """How things are now; None when nobody ever said what is wanted."""
        if self._applied is None:
            return None
        return self._steered.report(
            self._applied, refused_version=self._refused_version, refusal=self._refusal
        )

    def _note_trouble(self, error: StoreUnavailable) -> None:
        self._log.warning("wanted state unknown", reason="store_unavailable", error=str(error))
