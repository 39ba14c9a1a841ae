"""Applies the wanted state, which operators store, to a running service, and reports the actual state."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Protocol

import msgspec

from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.report import SettingsStatus
from marketdata.runtime.settings import S

REPORT_INTERVAL_SECONDS: Final = 0.5
# Shorter than the age at which data counts as old, so that a reader notices a dead process before that.
REPORT_LIFETIME_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 1.0
WITHDRAWAL_SECONDS: Final = 1.0
"""How long a stopping process waits for the cache. Its report expires by itself in any case."""

log = get_logger(__name__)


class Announcements(Protocol):
    """Receives announcements that a wanted state has changed."""

    async def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for a change; False when there was none. Raises `StoreUnavailable`."""


class Records(Protocol):
    """The records of a service; see `marketdata.store.service_records`. All raise `StoreUnavailable`."""

    async def wanted(self) -> bytes | None:
        """The wanted state, or None when none is stored."""

    async def replace_wanted(self, before: bytes | None, after: bytes) -> bool:
        """Store and announce a wanted state if the stored one is still `before`; False if it is not."""

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the actual state. It expires unless it is reported again."""

    async def replace_actual(self, before: bytes | None, value: bytes, *, lifetime_seconds: float) -> bool:
        """Store the actual state if none or `before` is stored; False if another one is."""

    async def withdraw_actual(self, value: bytes) -> None:
        """Delete the actual state if it is still `value`."""

    def announcements(self) -> AbstractAsyncContextManager[Announcements]:
        """A subscription to changes of the wanted state."""


class Steered(Protocol[S]):
    """The interface to the steered service: it applies a wanted state, and builds the report."""

    @property
    def works(self) -> bool:
        """Whether it shall work by the applied state, and not pause."""

    def read(self, stored: bytes) -> S:
        """The wanted state in a record. Raises `ContentError` if the bytes are not such a record."""

    def apply(self, wanted: S) -> None:
        """Apply all of it. Raises `ConfigurationError` if it is not accepted; then nothing has changed."""

    def report(self, applied: S, *, refused_version: int, refusal: str) -> bytes:
        """The actual state as a record: the applied settings, the version refused last, and why."""


class Steering(Generic[S]):
    """Applies the wanted state to a service, and reports the actual one while it runs.

    `default` applies until a state is stored. If the cache lost the stored state (it restarted empty), the
    newest accepted one is stored again: a listener that was stopped stays stopped. While the cache is away,
    nothing changes. Without `records` the default always applies, and nothing is reported.
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
        self._following = asyncio.Lock()
        self._log = RateLimitedLog(log)

    @property
    def applied(self) -> S | None:
        """The newest wanted state that was accepted."""
        return self._applied

    @property
    def status(self) -> SettingsStatus:
        """The version that applies, the one that was refused last, and whether the service is paused."""
        return SettingsStatus(
            applied_version=0 if self._applied is None else self._applied.version,
            refused_version=self._refused_version,
            refusal=self._refusal,
            is_paused=not self._steered.works,
        )

    async def begin(self) -> None:
        """Apply the wanted state before the work begins, if the cache can be reached."""
        try:
            await self._follow()
        except StoreUnavailable as error:
            self._note_failure(error)

    async def run(self, *, reports: Callable[[], bool] = lambda: True) -> None:
        """Follow the wanted state until cancelled, and report the actual one while `reports()`.

        A service with one leader has one report. So a standby follows, and only the leader reports.
        """
        if self._records is None:
            await asyncio.Event().wait()  # there is nothing to follow
            return
        while True:
            try:
                async with self._records.announcements() as announcements:
                    await self._follow_and_report(self._records, announcements, reports)
            except StoreUnavailable as error:
                self._note_failure(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def report_before_leading(self) -> None:
        """Until cancelled, report why this process does not work yet, unless another process reports.

        For a service with one leader, before this process tries to acquire the role: if no process has the
        role, this is the only report.
        """
        while self._records is not None and (actual := self._actual()) is not None:
            before, self._reported = self._reported, actual
            try:
                await self._records.replace_actual(before, actual, lifetime_seconds=REPORT_LIFETIME_SECONDS)
            except StoreUnavailable as error:
                self._note_failure(error)
            await asyncio.sleep(REPORT_INTERVAL_SECONDS)

    async def withdraw(self) -> None:
        """Delete the last report, since this process ends. A report of another process stays."""
        if self._records is not None and self._reported is not None:
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(WITHDRAWAL_SECONDS):
                    await self._records.withdraw_actual(self._reported)

    async def _follow_and_report(
        self, records: Records, announcements: Announcements, reports: Callable[[], bool]
    ) -> None:
        while True:
            await self._follow()
            if reports() and (actual := self._actual()) is not None:
                self._reported = actual
                await records.report_actual(actual, lifetime_seconds=REPORT_LIFETIME_SECONDS)
            await announcements.wait(REPORT_INTERVAL_SECONDS)

    async def _follow(self) -> None:
        if self._records is None:
            return
        async with self._following:  # `begin` may run beside `run`, and the later read must be applied last
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
        """The actual state as a record; None if there was never a wanted state."""
        if self._applied is None:
            return None
        return self._steered.report(
            self._applied, refused_version=self._refused_version, refusal=self._refusal
        )

    def _note_failure(self, error: StoreUnavailable) -> None:
        self._log.warning("wanted state unknown", reason="store_unavailable", error=str(error))
