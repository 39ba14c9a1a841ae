"""Reports the progress of a load to operators: as a record in the cache, and in the log."""

import asyncio
import contextlib
import datetime as dt
import enum
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, MarketDataError, StoreUnavailable
from marketdata.observability.logs import get_logger
from marketdata.reference.flaws import Flaw
from marketdata.reference.loader import Loaded
from marketdata.reference.parts import Progress
from marketdata.runtime.cancellation import end
from marketdata.units import NS_PER_MS

REFERENCE_SERVICE: Final = "reference"
"""The name of the record in the cache."""

LOADING_LIFETIME_SECONDS: Final = 300.0
"""Longer than any step takes. So a record that stops changing belongs to a dead process, and expires."""

OUTCOME_LIFETIME_SECONDS: Final = 26 * 3_600.0
STEPS_PER_LOG_LINE: Final = 6

log = get_logger(__name__)


class LoadPhase(enum.StrEnum):
    """The phase of the newest load."""

    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"


class LoadState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest load. `reported_at_ms` is the time of this report (epoch ms); `step` was completed last.

    `flaws`: missing or incomplete parts. `left_out`: counts of rows that are not used, by endpoint and
    reason.
    `closures`: dates of the calendar on which the exchange was closed.
    """

    phase: LoadPhase
    reported_at_ms: int = msgspec.field(name="told_ms")  # the name in stored records
    done: int = 0
    total: int = 0
    step: str = ""
    date: dt.date | None = None
    symbols: int = 0
    requests: int = 0
    flaws: tuple[Flaw, ...] = ()
    left_out: dict[str, int] = {}
    closures: tuple[dt.date, ...] = ()
    error: str = ""


class StateRecords(Protocol):
    """The store of the state. `marketdata.store.service_records.ServiceRecords` implements it."""

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the state. It expires unless it is reported again."""


class LoadReport:
    """Reports the progress and the outcome of one load.

    An async context manager around the load: on leaving, it reports a failure.
    Concurrency: `progress` is for the loop's thread. A late report carries only the newest state. If the
    cache is away, the load goes on unreported.
    """

    def __init__(
        self,
        records: StateRecords,
        *,
        clock: Clock | None = None,
        also: Callable[[Progress], None] | None = None,
    ) -> None:
        self._records = records
        self._clock = clock or SystemClock()
        self._also = also
        self._newest = Progress(0, 0, "")
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._changed.set()
        self._reporting = asyncio.create_task(self._report_changes(), name="report load state")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await end(self._reporting)
        if isinstance(error, MarketDataError):
            state = self._state(LoadPhase.FAILED)
            await self._report(msgspec.structs.replace(state, error=str(error)), OUTCOME_LIFETIME_SECONDS)

    def progress(self, progress: Progress) -> None:
        """Report a completed step."""
        self._newest = progress
        self._changed.set()
        if progress.done % STEPS_PER_LOG_LINE == 0 or progress.done == progress.total:
            log.info("reference data loading", done=progress.done, total=progress.total, step=progress.step)
        if self._also is not None:
            self._also(progress)

    async def loaded(self, loaded: Loaded) -> None:
        """Report the outcome of a successful load."""
        await end(self._reporting)
        state = msgspec.structs.replace(
            self._state(LoadPhase.LOADED),
            date=loaded.date,
            symbols=len(loaded.block),
            requests=loaded.requests,
            flaws=tuple(loaded.flaws),
            left_out=dict(loaded.left_out),
            closures=tuple(loaded.closures),
        )
        await self._report(state, OUTCOME_LIFETIME_SECONDS)

    async def _report_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._report(self._state(LoadPhase.LOADING), LOADING_LIFETIME_SECONDS)

    def _state(self, phase: LoadPhase) -> LoadState:
        newest = self._newest
        return LoadState(
            phase=phase,
            reported_at_ms=self._clock.time_ns() // NS_PER_MS,
            done=newest.done,
            total=newest.total,
            step=newest.step,
        )

    async def _report(self, state: LoadState, lifetime_seconds: float) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._records.report_actual(msgspec.json.encode(state), lifetime_seconds=lifetime_seconds)


def read_load_state(data: bytes) -> LoadState:
    """The state in a stored record.

    Raises:
        ContentError: reason `load_state`; the bytes are not such a record.
    """
    try:
        return msgspec.json.decode(data, type=LoadState)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("load_state", str(error)) from error
