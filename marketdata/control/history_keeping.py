"""Keeps the history: of all web processes one adds a sample every five seconds, and another if that one ends.

The process that added the last sample asks for the next turn after 5 s, and the others after 6.5 s. So as a
rule the same process adds all samples, and its rates are of exactly the time between two samples. No process
holds anything that another must wait for. A process that takes over reads twice, because rates need it.
"""

import asyncio
from typing import Final, Protocol

from marketdata.clock import Clock
from marketdata.control.document import InstallationDocument
from marketdata.control.history import SAMPLE_SECONDS, Sample, encode_sample, read_samples, sample_of
from marketdata.control.overview_reading import TWO_REPORTS_SECONDS
from marketdata.errors import StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.store.history_records import StoredSamples
from marketdata.units import MS_PER_SECOND

PATIENCE_SECONDS: Final = 1.3 * SAMPLE_SECONDS
"""After this time without a sample, any process adds the next one."""

_log: Final = RateLimitedLog(get_logger(__name__))


class KeptHistory(Protocol):
    """The stored samples; see `marketdata.store.history_records`. All raise `StoreUnavailable`."""

    async def claim(self, least_age_ms: int) -> int:
        """Take the turn (0), or how long to wait (ms)."""

    async def append(self, sample: bytes) -> None:
        """Add a sample."""

    async def samples(self) -> StoredSamples:
        """All samples."""


class ReadsDocument(Protocol):
    """The part of `InstallationReader` that is used here. It raises nothing."""

    async def newest(self) -> InstallationDocument:
        """The newest document."""


class HistoryKeeper:
    """Adds samples while it runs. `reader` must be its own: its rates are since its reading before."""

    def __init__(self, history: KeptHistory, reader: ReadsDocument, clock: Clock) -> None:
        self._history = history
        self._reader = reader
        self._clock = clock
        self._had_last_turn = False

    async def run(self) -> None:
        """Add samples until cancelled. While the cache is away there are none, and the lines have a gap."""
        while True:
            began_at = self._clock.monotonic()
            try:
                wait_seconds = await self._once()
            except StoreUnavailable as error:
                self._had_last_turn = False
                _log.warning("history not kept", reason="store_unavailable", error=str(error))
                wait_seconds = SAMPLE_SECONDS
            took_seconds = self._clock.monotonic() - began_at
            await asyncio.sleep(wait_seconds - took_seconds if self._had_last_turn else wait_seconds)

    async def _once(self) -> float:
        """Add a sample if it is this process's turn. Returns the seconds to the next attempt."""
        patience_seconds = SAMPLE_SECONDS if self._had_last_turn else PATIENCE_SECONDS
        wait_ms = await self._history.claim(round(patience_seconds * MS_PER_SECOND))
        if wait_ms:
            self._had_last_turn = False
            return max(wait_ms, 1) / MS_PER_SECOND
        if not self._had_last_turn:
            await self._reader.newest()
            await asyncio.sleep(TWO_REPORTS_SECONDS)
        self._had_last_turn = True
        if (sample := sample_of(await self._reader.newest())) is not None:
            await self._history.append(encode_sample(sample))
        return SAMPLE_SECONDS


class HistoryReader:
    """Reads the samples of the last 15 minutes."""

    def __init__(self, history: KeptHistory) -> None:
        self._history = history

    async def newest(self) -> list[Sample]:
        """The samples, oldest first. Raises `StoreUnavailable`."""
        stored = await self._history.samples()
        return list(read_samples(stored.values, stored.now_ms))
