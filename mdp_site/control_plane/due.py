"""Lets the delivery of this process look at once, so that an operator does not wait for its interval."""

import asyncio
import contextlib
from typing import Final

DUE_IN_SCOPE: Final = "mdp.delivery_due"
"""The key of the process's `Due` in the scope of each request."""


class Due:
    """Set by a request, also in a thread, and waited for by the delivery.

    Concurrency: `wait` belongs to one event loop, and `set` may be called by any thread.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def set(self) -> None:
        """Let the delivery look now. While none waits, nothing happens: its next look comes soon."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: this process ends
                self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> None:
        """Wait until it is set, at most so long."""
        self._loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
