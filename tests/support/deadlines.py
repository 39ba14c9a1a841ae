"""Waits for a condition with a deadline. Tests never wait for a fixed time.

All deadlines of the suite use `scaled`. On a slow machine, `MDP_TEST_TIME_FACTOR=3 pytest` triples them.
"""

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

T = TypeVar("T")

TIME_FACTOR: Final = float(os.environ.get("MDP_TEST_TIME_FACTOR", "1"))
FIRST_POLL_SECONDS: Final = 0.001
POLL_SECONDS: Final = 0.01
"""Polling starts fast, because most conditions are true soon, and then slows down to this interval."""


def scaled(seconds: float) -> float:
    """`seconds` times the factor from the environment."""
    return seconds * TIME_FACTOR


@overload
async def eventually(condition: Callable[[], Awaitable[T]], within_seconds: float) -> T: ...
@overload
async def eventually(condition: Callable[[], T], within_seconds: float) -> T: ...
async def eventually(condition: Callable[[], object], within_seconds: float) -> object:
    """Call `condition` (plain or async) until its result is true, and return that result.

    Raises:
        AssertionError: the deadline passed; the message contains the last result.
    """
    deadline = time.monotonic() + scaled(within_seconds)
    pause_seconds = FIRST_POLL_SECONDS
    while True:
        answer = condition()
        value: object = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        _check(deadline, condition, value, within_seconds)
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, POLL_SECONDS)


def eventually_sync(condition: Callable[[], T], within_seconds: float) -> T:
    """`eventually` for code without an event loop.

    Raises:
        AssertionError: the deadline passed; the message contains the last result.
    """
    deadline = time.monotonic() + scaled(within_seconds)
    pause_seconds = FIRST_POLL_SECONDS
    while not (value := condition()):
        _check(deadline, condition, value, within_seconds)
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, POLL_SECONDS)
    return value


def _check(deadline: float, condition: object, value: object, within_seconds: float) -> None:
    if time.monotonic() > deadline:
        name = getattr(condition, "__qualname__", repr(condition))
        msg = f"{name} still answered {value!r} after {scaled(within_seconds):.1f} s"
        raise AssertionError(msg)
