"""A server that answers a WebSocket handshake and then sends exactly the bytes of a script."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

import msgspec

ACCEPTED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
PACKING: Final = (
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
    b"client_no_context_takeover\r\n"
)
PLAIN_ANSWER: Final = ACCEPTED + b"\r\n"
PACKING_ANSWER: Final = ACCEPTED + PACKING + b"\r\n"
FEED: Final = "scanners:top_gainers"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def frame(body: bytes, first: int = 0x81) -> bytes:
    """A WebSocket frame of a server; `first` is its first byte."""
    size = len(body)
    if size < 126:
        return bytes((first, size)) + body
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + body
    return bytes((first, 127)) + size.to_bytes(8, "big") + body


def packed(body: bytes) -> bytes:
    """A compressed frame, without context."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH)
    return frame(data.removesuffix(b"\x00\x00\xff\xff"), 0xC1)


def message(kind: str, seq: int, **more: Any) -> bytes:
    """A message of a feed as text."""
    usual = {"type": kind, "feed": FEED, "epoch": "1", "seq": seq, "rows": [["AAPL", 1.5, None, "é\\"]]}
    return msgspec.json.encode(usual | more)


def snapshot(seq: int, **more: Any) -> bytes:
    """A frame with a snapshot."""
    return frame(message("snapshot", seq, **more))


def delta(prev: int, seq: int, **more: Any) -> bytes:
    """A frame with a delta that follows `prev`."""
    return frame(message("delta", seq, prev=prev, **more))


def close(code: int) -> bytes:
    """A close frame."""
    return frame(code.to_bytes(2, "big") + b"reconnect", 0x88)


@contextlib.asynccontextmanager
async def serving(script: Script, answer: bytes = PLAIN_ANSWER) -> AsyncIterator[int]:
    """The port of a server that answers each handshake with `answer` and then runs the script."""

    serving_tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving_tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await script(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving_tasks:
            task.cancel()
        await asyncio.gather(*serving_tasks, return_exceptions=True)


def sending(*parts: bytes) -> Script:
    """Send the parts, each by itself, then read until the client ends."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        while await reader.read(65536):
            pass

    return script
