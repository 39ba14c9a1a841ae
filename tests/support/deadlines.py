"""Waiting for a condition with a deadline, never for a span of time.

Every deadline of the suite goes through `scaled`, so that a slow machine needs one
setting: `MDP_TEST_TIME_FACTOR=3 pytest` triples them all.
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
"""Most of what is waited for comes at once, the rest is asked for less often."""


def scaled(seconds: float) -> float:
    """The span on this machine: `seconds` times the factor from the environment."""
    return seconds * TIME_FACTOR


@overload
async def eventually(condition: Callable[[], Awaitable[T]], within_seconds: float) -> T: ...
@overload
async def eventually(condition: Callable[[], T], within_seconds: float) -> T: ...
async def eventually(condition: Callable[[], object], within_seconds: float) -> object:
    """Ask `condition` (plain or async) until its answer is truthy, and return that answer.

    Raises:
        AssertionError: the deadline passed; the message holds the last answer.
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
        AssertionError: the deadline passed; the message holds the last answer.
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
