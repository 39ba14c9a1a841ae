"""Tasks end although something in them swallows a cancellation, and failures are not lost."""

import asyncio
import contextlib

import pytest

from marketdata.runtime import cancellation
from marketdata.runtime.cancellation import end, finished_before, result_before, run_beside, run_together
from tests.support.deadlines import scaled

WITHIN_SECONDS = 10.0


@pytest.fixture(autouse=True)
def frequent_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever swallows a cancellation gets the next one soon."""
    monkeypatch.setattr(cancellation, "REPEAT_SECONDS", 0.02)


class Deaf:
    """Swallows the first cancellation, as `asyncio.wait_for` of Python 3.11 may."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.swallowed = asyncio.Event()
        self.cancellations = 0

    async def run(self) -> None:
        self.started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        self.cancellations = 1
        self.swallowed.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancellations = 2


async def test_a_task_that_swallows_a_cancellation_ends() -> None:
    deaf = Deaf()
    task = asyncio.create_task(deaf.run())
    await deaf.started.wait()
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        await end(task)
    assert deaf.cancellations == 2


async def test_who_is_cancelled_while_ending_others_ends_them_first() -> None:
    deaf = Deaf()
    task = asyncio.create_task(deaf.run())
    await deaf.started.wait()
    ending = asyncio.create_task(end(task))
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        await deaf.swallowed.wait()
        ending.cancel()
        await asyncio.wait([ending])
    assert ending.cancelled()
    assert task.done()


async def test_the_first_failure_ends_the_others_and_is_raised() -> None:
    deaf = Deaf()

    async def failing() -> None:
        await deaf.started.wait()
        raise ValueError("wrong")

    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        with pytest.raises(ValueError, match="wrong"):
            await run_together(deaf.run(), failing())
    assert deaf.cancellations == 2


async def test_all_that_return_are_waited_for() -> None:
    returned: list[int] = []

    async def returning(number: int) -> None:
        await asyncio.sleep(0)
        returned.append(number)

    await run_together(returning(1), returning(2))
    assert sorted(returned) == [1, 2]


async def test_what_runs_beside_work_ends_with_it() -> None:
    deaf = Deaf()

    async def working() -> None:
        await deaf.started.wait()

    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        await run_beside(working(), deaf.run())
    assert deaf.cancellations == 2


async def test_a_failure_beside_work_ends_the_work_and_is_raised() -> None:
    deaf = Deaf()

    async def failing() -> None:
        await deaf.started.wait()
        raise ValueError("wrong")

    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        with pytest.raises(ValueError, match="wrong"):
            await run_beside(deaf.run(), failing())
    assert deaf.cancellations == 2


async def test_work_is_interrupted_by_any_of_the_events() -> None:
    deaf, first, second = Deaf(), asyncio.Event(), asyncio.Event()
    second.set()
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        assert not await finished_before(deaf.run(), first, second)


async def test_work_that_finishes_first_counts() -> None:
    async def returning() -> None:
        await asyncio.sleep(0)

    assert await finished_before(returning(), asyncio.Event())


async def test_a_result_that_comes_before_the_event_is_given() -> None:
    async def work() -> int:
        return 7

    assert await result_before(work(), asyncio.Event()) == 7


async def test_work_is_ended_when_the_event_comes_first() -> None:
    event, ended = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        event.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 7

    assert await result_before(work(), asyncio.Event(), event) is None
    assert ended.is_set()


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await result_before(work(), asyncio.Event())
