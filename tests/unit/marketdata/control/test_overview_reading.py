"""Any number of readers cost one reading a second, and one source that is away does not hide the other."""

import asyncio
from collections.abc import Sequence
from typing import Any

from marketdata.control.overview_reading import (
    ANSWER_SECONDS,
    JOBS_SECONDS,
    READING_SECONDS,
    SETTLING_SECONDS,
    OverviewReader,
)
from marketdata.control.views import JobView
from marketdata.errors import StoreUnavailable, Unavailable
from marketdata.store.process_records import StoredOverview
from tests.support.installation import JOBS, stored
from tests.support.virtual_time import VirtualClock, run_in_virtual_time


class FakeRecords:
    """The cache: it counts its readings, and may be away or give no answer."""

    def __init__(self) -> None:
        self.readings = 0
        self.is_away = self.hangs = False

    async def overview(
        self, services: Sequence[str], *, listener: str, reference: str, shard_count: int
    ) -> StoredOverview:
        assert (list(services), listener, reference, shard_count) == (["web"], "listener", "reference", 2)
        self.readings += 1
        await asyncio.sleep(3_600 if self.hangs else 0.01)
        if self.is_away:
            raise StoreUnavailable("refused")
        return stored()


async def jobs() -> Sequence[JobView]:
    return JOBS


async def no_jobs() -> Sequence[JobView]:
    raise Unavailable("no database")


def reader(records: Any, read_jobs: Any = jobs) -> OverviewReader:
    return OverviewReader(records, services=["web"], shard_count=2, read_jobs=read_jobs, clock=VirtualClock())


def test_a_hundred_readers_share_one_reading_a_second() -> None:
    records = FakeRecords()

    async def read() -> None:
        shared = reader(records)
        for _ in range(3):
            views = await asyncio.gather(*(shared.newest() for _ in range(100)))
            assert len({id(view) for view in views}) == 1
            await asyncio.sleep(READING_SECONDS)

    run_in_virtual_time(read())
    assert records.readings == 3


def test_the_database_is_asked_more_rarely_and_again_at_once_after_a_failure() -> None:
    asked: list[float] = []

    async def read() -> None:
        loop = asyncio.get_running_loop()

        async def counted() -> Sequence[JobView]:
            asked.append(loop.time())
            if len(asked) == 2:
                raise Unavailable("no database")
            return JOBS

        shared = reader(FakeRecords(), counted)
        for second in range(5):
            view = await shared.newest()
            assert (view.jobs == JOBS) == (second != JOBS_SECONDS)
            await asyncio.sleep(READING_SECONDS)

    run_in_virtual_time(read())
    assert [round(at - asked[0]) for at in asked] == [0, JOBS_SECONDS, JOBS_SECONDS + READING_SECONDS]


def test_a_cache_that_is_away_is_named_and_the_jobs_are_shown() -> None:
    records = FakeRecords()

    async def read() -> None:
        shared = reader(records)
        assert (await shared.newest()).unread == {}
        records.is_away = True
        await asyncio.sleep(READING_SECONDS)
        view = await shared.newest()
        assert (view.unread, view.processes, view.jobs) == ({"cache": "refused"}, (), JOBS)
        assert list(view.unread_since_ms) == ["cache"]
        since_ms = view.unread_since_ms["cache"]
        await asyncio.sleep(5)
        assert (await shared.newest()).unread_since_ms["cache"] == since_ms
        records.is_away = False
        await asyncio.sleep(SETTLING_SECONDS)
        view = await shared.newest()
        assert (view.unread, len(view.processes)) == ({}, 5)

    run_in_virtual_time(read())


def test_a_cache_that_came_back_a_moment_ago_is_not_believed_before_all_have_reported() -> None:
    records = FakeRecords()

    async def read() -> None:
        shared = reader(records)
        await shared.newest()
        records.is_away = True
        await asyncio.sleep(READING_SECONDS)
        await shared.newest()
        records.is_away = False
        await asyncio.sleep(READING_SECONDS)
        view = await shared.newest()
        assert (list(view.unread), view.processes) == (["cache"], ())

    run_in_virtual_time(read())


def test_a_source_that_was_never_read_is_away_since_an_unknown_time() -> None:
    async def read() -> None:
        assert (await reader(FakeRecords(), no_jobs).newest()).unread_since_ms == {}

    run_in_virtual_time(read())


def test_a_cache_that_does_not_answer_is_given_up_in_time() -> None:
    records = FakeRecords()
    records.hangs = True

    async def read() -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert list((await reader(records).newest()).unread) == ["cache"]
        assert loop.time() - started <= ANSWER_SECONDS + 0.1

    run_in_virtual_time(read())


def test_a_database_that_is_away_is_named_and_the_processes_are_shown() -> None:
    async def read() -> None:
        view = await reader(FakeRecords(), no_jobs).newest()
        assert (view.unread, view.jobs) == ({"database": "no database"}, None)
        assert len(view.processes) == 5

    run_in_virtual_time(read())
