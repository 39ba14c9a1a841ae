"""The work of a service runs while it is wanted, and ends in order before each pause."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from marketdata.runtime.cancellation import end
from marketdata.runtime.live_settings import LiveSettings, read_actual
from marketdata.runtime.role_settings import SharedRoleSettings
from marketdata.runtime.working import work_while_wanted
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock

NAME = "this one"


class Work:
    """Counts what it does, and takes a turn of the event loop to end."""

    def __init__(self) -> None:
        self.live = LiveSettings(SharedRoleSettings(), source=NAME, clock=ManualClock(time_ms=0))
        self.stopping = asyncio.Event()
        self.began = self.ended = 0
        self.returns_at_once = False

    async def __call__(self, over: asyncio.Event) -> None:
        self.began += 1
        if not self.returns_at_once:
            await over.wait()
        await asyncio.sleep(0)
        self.ended += 1

    def want(self, **values: object) -> None:
        self.live.apply(SharedRoleSettings(**values))  # type: ignore[arg-type]

    async def has(self, began: int, ended: int) -> None:
        await eventually(lambda: (self.began, self.ended) == (began, ended), 2.0)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    work = Work()
    task = asyncio.create_task(work_while_wanted(work.live, work.stopping, work))
    yield work
    await end(task)


async def test_it_ends_at_a_pause_and_begins_again_after_it(work: Work) -> None:
    await work.has(1, 0)
    work.want(running=False)
    await work.has(1, 1)
    assert not read_actual(work.live.report(work.live.current, refused_version=0, refusal="")).works
    work.want()
    await work.has(2, 1)


async def test_a_pause_that_is_over_before_the_work_has_ended_ends_it_all_the_same(work: Work) -> None:
    await work.has(1, 0)
    work.want(running=False)
    await asyncio.sleep(0)
    work.want()
    await eventually(lambda: work.began - work.ended == 1, 2.0)
    work.stopping.set()
    await eventually(lambda: work.began == work.ended, 2.0)


async def test_a_process_that_is_drained_pauses_and_another_does_not(work: Work) -> None:
    await work.has(1, 0)
    work.want(drained=("another",))
    assert work.live.works
    work.want(drained=("another", NAME))
    await work.has(1, 1)


async def test_a_service_that_stops_during_a_pause_does_not_work_again() -> None:
    work = Work()
    work.want(running=False)
    task = asyncio.create_task(work_while_wanted(work.live, work.stopping, work))
    await asyncio.sleep(0)
    work.stopping.set()
    await asyncio.wait_for(task, 2.0)
    assert work.began == 0


async def test_work_that_returns_by_itself_is_not_begun_again() -> None:
    work = Work()
    work.returns_at_once = True
    await asyncio.wait_for(work_while_wanted(work.live, work.stopping, work), 2.0)
    assert work.began == 1
