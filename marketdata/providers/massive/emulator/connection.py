"""The output of one client connection: a bounded buffer and the task that sends it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from marketdata.providers.emulator import ProtocolSettings
from marketdata.providers.massive.emulator.protocol import POLICY_VIOLATION, SLOW_CONSUMER, Conversation

_CLOSING_GRACE_SECONDS: Final = 5.0


class Connection:
    """A WebSocket client. Sending never waits: frames that the client does not read are buffered.

    Beyond a limit the client is a slow consumer: its connection ends, and the buffered frames are lost.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        settings: ProtocolSettings,
    ) -> None:
        self.conversation: Final = Conversation(settings)
        self.symbol_indexes: Mapping[str, NDArray[np.int64]] = {}
        self.end_reason = "client"
        self._socket: Final = socket
        self._transport: Final = transport
        self._settings: Final = settings
        self._frames: Final[deque[tuple[bytes, WSMsgType]]] = deque()
        self._pending_bytes = 0
        self._wake: Final = asyncio.Event()
        self._flushed: Final = asyncio.Event()
        self._close_code: int | None = None
        self._ended = False

    @property
    def is_live(self) -> bool:
        """Whether the client is authenticated and the connection is not ending."""
        return self.conversation.api_key is not None and not self._ended

    @property
    def pending_bytes(self) -> int:
        """The size of the buffered frames, without the operating system's own buffers."""
        return self._pending_bytes

    def send(self, frame: bytes, message_type: WSMsgType = WSMsgType.TEXT) -> None:
        """Buffer a frame; a client that reads too slowly is dropped instead."""
        if self._ended:
            return
        if self._pending_bytes + len(frame) > self._settings.send_buffer_bytes:
            self._drop_slow_consumer()
            return
        self._push(frame, message_type)

    def finish(self, frame: bytes | None, code: int, reason: str) -> None:
        """Send the buffered frames and this last one, then close with a code. Abort after 5 s."""
        if self._ended:
            return
        if frame is not None:
            self._push(frame)
        self._ended, self._close_code, self.end_reason = True, code, reason
        self._wake.set()
        asyncio.get_running_loop().call_later(_CLOSING_GRACE_SECONDS, self._transport.abort)

    async def flushed(self) -> None:
        """Wait until nothing is buffered any more, or the connection ended."""
        await self._flushed.wait()

    def abort(self, reason: str) -> None:
        """End the TCP connection at once, without a closing handshake."""
        self._ended, self.end_reason = True, reason
        self._frames.clear()
        self._flushed.set()
        self._transport.abort()

    async def abort_after(self, frames: tuple[bytes, ...], reason: str) -> None:
        """Send these frames past the buffer, then end the TCP connection without a closing handshake."""
        with contextlib.suppress(ConnectionError):
            for frame in frames:
                await self._socket.send_frame(frame, WSMsgType.TEXT)
        self._ended, self.end_reason = True, reason
        # Unlike abort(), this lets the frames out of the local buffers first.
        self._transport.close()

    async def write(self) -> None:
        """Empty the buffer until the connection ends."""
        with contextlib.suppress(ConnectionError):
            while self._close_code is None or self._frames:
                if not self._frames:
                    self._wake.clear()
                    self._flushed.set()
                    await self._wake.wait()
                    continue
                frame, message_type = self._frames.popleft()
                await self._socket.send_frame(frame, message_type)
                self._pending_bytes -= len(frame)
            await self._socket.close(code=self._close_code)

    def _push(self, frame: bytes, message_type: WSMsgType = WSMsgType.TEXT) -> None:
        self._frames.append((frame, message_type))
        self._pending_bytes += len(frame)
        self._flushed.clear()
        self._wake.set()

    def _drop_slow_consumer(self) -> None:
        if not self._settings.slow_consumer_status:
            self.abort("slow_consumer")
            return
        self._frames.clear()
        self.finish(SLOW_CONSUMER, POLICY_VIOLATION, "slow_consumer")
