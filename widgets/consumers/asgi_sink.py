"""A frame sink for servers without the extension `mdp.frames`: it sends by ASGI."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from widgets.wire import PreparedFrame

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]


class AsgiSink:
    """Sends frames by `websocket.send`, in one task that exists only while something waits.

    `end` is called when the connection is lost, and by `abort`. `send_message` sends a message of the
    consumer after the frames that were written before.
    """

    __slots__ = ("_callbacks", "_end", "_frames", "_is_ended", "_send", "_task")

    def __init__(self, send: Send, end: Callable[[], None]) -> None:
        self._send = send
        self._end = end
        self._frames: list[PreparedFrame] = []
        self._callbacks: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_ended = False

    @property
    def writable(self) -> bool:
        """Whether the server has taken all frames, and the connection has not ended."""
        return self._task is None and not self._is_ended

    def write(self, frames: Sequence[PreparedFrame]) -> None:
        """Send the frames, one after the other."""
        if self._is_ended:
            return
        self._frames += frames
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all())

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time that the server has taken all frames."""
        self._callbacks.append(callback)

    def abort(self) -> None:
        """Send nothing more, and end the connection."""
        self.close()
        self._end()

    def close(self) -> None:
        """Send nothing more: the connection has ended."""
        self._is_ended = True
        self._frames.clear()
        self._callbacks.clear()
        if self._task is not None:
            self._task.cancel()

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send an ASGI message after all frames. Raises what the server raises."""
        if self._task is not None:
            await asyncio.wait((self._task,))
        await self._send(message)

    async def _send_all(self) -> None:
        try:
            while self._frames:
                frames, self._frames = self._frames, []
                for frame in frames:
                    kind = "text" if isinstance(frame.payload, str) else "bytes"
                    await self._send({"type": "websocket.send", kind: frame.payload})
        except Exception:  # noqa: BLE001 - each server raises its own errors for a lost connection
            self._task = None
            self.abort()
        self._task = None
        for callback in tuple(self._callbacks):
            callback()
