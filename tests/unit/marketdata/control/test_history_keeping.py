"""Of any number of processes one adds a sample every five seconds, and another soon after it ends."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from marketdata.control.document import InstallationDocument
from marketdata.control.history import SAMPLE_SECONDS, read_samples
from marketdata.control.history_keeping import PATIENCE_SECONDS, HistoryKeeper
from marketdata.control.overview_reading import TWO_REPORTS_SECONDS
from marketdata.control.verdict import judge
from marketdata.control.views import Overview
from marketdata.errors import StoreUnavailable
from marketdata.runtime.cancellation import end
from marketdata.store.history_records import StoredSamples
from tests.support.installation import overview
from tests.support.virtual_time import VirtualClock, run_in_virtual_time


class MemoryHistory:
    """The records, with the promises of `HistoryRecords`; `added_at` has the time of each sample."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.values: list[bytes] = []
        self.added_at: list[float] = []
        self.claims = 0
        self.is_away = False
        self._claimed_at = -1_000.0

    async def claim(self, least_age_ms: int) -> int:
        self.claims += 1
        if self.is_away:
            raise StoreUnavailable("refused")
        now = self.clock.monotonic()
        age_ms = round((now - self._claimed_at) * 1_000)
        if age_ms < least_age_ms:
            return least_age_ms - age_ms
        self._claimed_at = now
        return 0

    async def append(self, sample: bytes) -> None:
        self.values.append(sample)
        self.added_at.append(self.clock.monotonic())

    async def samples(self) -> StoredSamples:
        return StoredSamples(self.clock.time_ns() // 10**6, self.values)


class Reader:
    """Reads an installation, in 10 ms; it notes when. It may lose the cache."""

    def __init__(self) -> None:
        self.read_at: list[float] = []
        self.is_cache_away = False

    async def newest(self) -> InstallationDocument:
        await asyncio.sleep(0.01)
        self.read_at.append(asyncio.get_running_loop().time())
        view = Overview(read_at_ms=1, unread={"cache": "away"}) if self.is_cache_away else overview()
        return InstallationDocument(judge(view), view)


class Processes:
    """Web processes with one history."""

    def __init__(self, count: int) -> None:
        self.history = MemoryHistory()
        self.readers = [Reader() for _ in range(count)]
        self.tasks = [
            asyncio.create_task(HistoryKeeper(self.history, reader, VirtualClock()).run())
            for reader in self.readers
        ]

    @property
    def gaps(self) -> list[float]:
        """The times between two samples."""
        added = self.history.added_at
        return [round(after - before, 1) for before, after in itertools.pairwise(added)]


def run(count: int, story: Callable[[Processes], Awaitable[None]]) -> Processes:
    async def told() -> Processes:
        processes = Processes(count)
        await story(processes)
        await end(*processes.tasks)
        return processes

    return run_in_virtual_time(told())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_there_is_one_sample_every_five_seconds_by_any_number_of_processes(count: int) -> None:
    async def minute(_processes: Processes) -> None:
        await asyncio.sleep(61)

    processes = run(count, minute)
    assert len(processes.history.values) == 13
    assert set(processes.gaps[1:]) == {SAMPLE_SECONDS}
    working = [reader for reader in processes.readers if reader.read_at]
    assert len(working) == 1  # the others read nothing
    assert processes.history.claims <= 14 * count


def test_another_process_goes_on_when_the_one_that_adds_ends() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(21)
        await end(processes.tasks[0])
        await asyncio.sleep(30)

    processes = run(2, story)
    assert max(processes.gaps) <= PATIENCE_SECONDS + TWO_REPORTS_SECONDS + 0.1
    assert len(processes.readers[1].read_at) >= 5


def test_a_process_that_takes_over_reads_twice_since_rates_need_two_reports() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(3)
        assert len(processes.history.values) == 1

    reader = run(1, story).readers[0]
    assert round(reader.read_at[1] - reader.read_at[0], 1) == TWO_REPORTS_SECONDS


def test_while_the_cache_is_away_there_is_no_sample_and_afterwards_there_are_again() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(11)
        processes.history.is_away = True
        await asyncio.sleep(60)
        processes.history.is_away = False
        await asyncio.sleep(20)

    gaps = run(2, story).gaps
    assert len([gap for gap in gaps if gap > 3 * SAMPLE_SECONDS]) == 1
    assert gaps[-1] == SAMPLE_SECONDS


def test_a_reading_without_the_cache_adds_nothing() -> None:
    async def story(processes: Processes) -> None:
        processes.readers[0].is_cache_away = True
        await asyncio.sleep(11)
        assert processes.history.values == []
        processes.readers[0].is_cache_away = False
        await asyncio.sleep(10)

    assert run(1, story).history.values


def test_what_is_added_is_read_again() -> None:
    async def story(_processes: Processes) -> None:
        await asyncio.sleep(6)

    values = run(1, story).history.values
    read = read_samples(values, overview().read_at_ms)
    assert len(read) == 1  # all samples of this test are of one instant
    assert read[0].connections == 3
