"""Delays between attempts: exponential backoff with full jitter. A stop ends the delay early."""

import asyncio
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

DEFAULT_INITIAL_SECONDS: Final = 0.5
DEFAULT_MAXIMUM_SECONDS: Final = 30.0


class Backoff:
    """The delays between attempts of one operation. Call `reset` after a success.

    The n-th delay is uniform between the minimum and `initial * 2**(n-1)`, up to the maximum ("full jitter":
    the clients of a restarted broker must not all reconnect at the same time).
    """

    def __init__(
        self,
        *,
        initial_seconds: float = DEFAULT_INITIAL_SECONDS,
        maximum_seconds: float = DEFAULT_MAXIMUM_SECONDS,
        minimum_seconds: float = 0.0,
    ) -> None:
        self._wait = wait_random_exponential(initial_seconds, maximum_seconds, min=minimum_seconds)
        self._state = RetryCallState(AsyncRetrying(), None, (), {})
        self._state.attempt_number = 0

    @property
    def attempts(self) -> int:
        """Number of delays since the last reset."""
        return self._state.attempt_number

    def next_delay_seconds(self) -> float:
        """The next delay; each call counts as an attempt."""
        self._state.attempt_number += 1
        return self._wait(self._state)

    def reset(self) -> None:
        """Start again from the shortest delay."""
        self._state.attempt_number = 0

    async def wait(self, stopping: asyncio.Event) -> bool:
        """Wait for the next delay. False if `stopping` was set meanwhile, so there is no next attempt."""
        return not await stopped_within(stopping, self.next_delay_seconds())


async def stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait up to `seconds`; True as soon as `stopping` is set, False when the time has passed."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
