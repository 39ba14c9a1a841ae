"""Runs tasks together or against an event, and reliably ends the tasks that are left."""

import asyncio
import enum
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

T = TypeVar("T")

REPEAT_SECONDS: Final = 1.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks, repeatedly, until each is done. Their results and errors stay in the tasks.

    One cancellation is not enough: `asyncio.wait_for` of Python 3.11 swallows a cancellation that arrives
    together with the awaited result (the Redis driver writes under it), and the task goes on. A task group
    cancels only once, so it would wait for ever. If the caller itself is cancelled, this function still ends
    all tasks first, and raises then.
    """
    cancelled: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=REPEAT_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def run_together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until all have returned. The first that raises ends the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await end(*tasks)


async def run_beside(work: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it returns, and the others, which do not return by themselves, until then.

    The first that raises ends all.
    """
    working, *beside = [asyncio.create_task(coroutine) for coroutine in (work, *others)]
    try:
        done, _ = await asyncio.wait((working, *beside), return_when=asyncio.FIRST_COMPLETED)
        for task in (working,) if working in done else done:
            task.result()
    finally:
        await end(working, *beside)


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    if any(event.is_set() for event in events):
        return
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*waiting)


async def finished_before(work: Coroutine[Any, Any, None], *events: asyncio.Event) -> bool:
    """Await `work`; False if one of the events was set first, which cancels it. Raises what `work` raises."""
    return await _result_before(work, events) is not _INTERRUPTED


async def result_before(work: Coroutine[Any, Any, T], *events: asyncio.Event) -> T | None:
    """The result of `work`; None if an event was set first, which cancels it. Raises what `work` raises."""
    result = await _result_before(work, events)
    return None if isinstance(result, _Interrupted) else result


async def _result_before(work: Coroutine[Any, Any, T], events: Iterable[asyncio.Event]) -> "T | _Interrupted":
    task = asyncio.create_task(work)
    interruption = asyncio.create_task(first_of(*events))
    try:
        await asyncio.wait((task, interruption), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else _INTERRUPTED
    finally:
        await end(task, interruption)


class _Interrupted(enum.Enum):
    """Stands for the result of an interrupted coroutine."""

    INTERRUPTED = enum.auto()


_INTERRUPTED: Final = _Interrupted.INTERRUPTED
