"""A network connection that a test can interrupt without either end noticing."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class CuttableLink:
    """A TCP relay with its own port. After `cut` it forwards no data, and it closes no connection.

    After `mend` it forwards all that waits, as TCP does after an interruption.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._carrying = asyncio.Event()
        self._carrying.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that clients connect to, instead of the target's port."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Forward no more data in either direction."""
        self._carrying.clear()

    def mend(self) -> None:
        """Forward data again."""
        self._carrying.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(_close, writer)
            with contextlib.suppress(OSError, asyncio.CancelledError):
                there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
                closing.push_async_callback(_close, back)
                await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._carrying.wait()
            sink.write(data)
            await sink.drain()
        sink.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
