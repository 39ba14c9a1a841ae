"""The WebSocket endpoint `/stocks`: accepts clients, and sends the events of each step to them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from aiohttp import WSMsgType, web

from marketdata.observability import metrics
from marketdata.providers.emulator import EvictionPolicy, ProtocolSettings
from marketdata.providers.massive.emulator.connection import Connection
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.emulator.injection import Injection
from marketdata.providers.massive.emulator.prebuilt import frames_of
from marketdata.providers.massive.emulator.protocol import (
    AUTH_TIMEOUT,
    CONNECTED,
    MAX_CONNECTIONS,
    POLICY_VIOLATION,
    NextStep,
    clock_frame,
)
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF, messages_of
from marketdata.providers.massive.emulator.wire import DEFAULT_EVENTS_PER_FRAME, Message, frames
from marketdata.synthetic_market.blocks import Block
from marketdata.synthetic_market.defects import Defect

_MAX_CLIENT_MESSAGE_BYTES: Final = 1 << 20
_SERVER_GOES_AWAY: Final = 1001


class FeedServer:
    """All client connections, and the fan-out to them.

    A frame is encoded once for all clients that subscribed to the whole channel. A client that subscribed to
    single tickers gets frames of its own, which mix channels.
    """

    def __init__(
        self,
        settings: ProtocolSettings,
        symbol_index: Mapping[str, int],
        events_per_frame: int = DEFAULT_EVENTS_PER_FRAME,
    ) -> None:
        self._settings: Final = settings
        self._events_per_frame: Final = events_per_frame
        self.sent_defects: Final[Counter[Defect]] = Counter()
        self._symbol_index: Final = symbol_index
        self._connections: Final[dict[Connection, None]] = {}
        self.faults: Final = Faults(self.connections)

    def connections(self) -> Collection[Connection]:
        """Every open connection, the oldest first, authenticated or not."""
        return self._connections.keys()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client from handshake to end."""
        if self.faults.refuse_upgrade_status is not None:
            return web.Response(status=self.faults.refuse_upgrade_status)
        socket = web.WebSocketResponse(
            compress=self._settings.compression, max_msg_size=_MAX_CLIENT_MESSAGE_BYTES
        )
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        connection = Connection(socket, transport, self._settings)
        self._connections[connection] = None
        metrics.SIMULATOR_CONNECTIONS.set(len(self._connections))
        try:
            await self._converse(socket, connection)
        finally:
            del self._connections[connection]
            metrics.SIMULATOR_CONNECTIONS.set(len(self._connections))
            metrics.SIMULATOR_ENDED.labels(connection.end_reason).inc()
        return socket

    def declare_clock(self, now_ms: int) -> None:
        """Send the feed time to all subscribers, before the events up to it."""
        if self.faults.stalled:
            return
        declaration = clock_frame(now_ms)
        for connection in self._connections:
            if connection.is_live and len(connection.conversation.subscriptions):
                connection.send(declaration)

    def publish(self, blocks: Sequence[Block], injections: Sequence[Injection] = ()) -> None:
        """Send the events to all clients that subscribed to them. Never waits for a client.

        Odd events go to clients that subscribed to their whole channel. Odd frames go to clients that
        subscribed to any whole channel.
        """
        live = [connection for connection in self._connections if connection.is_live]
        if not live or self.faults.stalled:
            return
        riders = [injection for injection in injections if injection.channel is not None]
        for block in blocks:
            channel = CHANNEL_OF[block.kind]
            joining = [rider for rider in riders if rider.channel == channel]
            riders = [rider for rider in riders if rider.channel != channel]
            self._publish_whole(block, live, joining)
        for injection in injections:
            if injection.channel is None:
                self._publish_bad_frame(injection, live)
        for connection in live:
            if connection.symbol_indexes:
                self._publish_tickers(blocks, connection)

    async def flush(self, within_seconds: float) -> None:
        """Wait until the clients have received their buffered frames, at most this long."""
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                for connection in list(self._connections):
                    await connection.flushed()

    def close(self) -> None:
        """Begin to close every connection, because the server stops."""
        for connection in list(self._connections):
            connection.finish(None, _SERVER_GOES_AWAY, "server_stopped")

    async def _converse(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        connection.send(CONNECTED)
        writing = asyncio.create_task(connection.write(), name="simulator client writer")
        timer = asyncio.get_running_loop().call_later(
            self._settings.auth_timeout_seconds, self._auth_timed_out, connection
        )
        try:
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    await self._receive(connection, message.data)
        finally:
            timer.cancel()
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing

    async def _receive(self, connection: Connection, data: str | bytes) -> None:
        reply = connection.conversation.receive(data)
        if reply.outcome is NextStep.AUTHENTICATED and self.faults.take_abort_before_auth_reply():
            connection.abort("fault")
            return
        if reply.outcome is NextStep.ABORT:
            await connection.abort_after(reply.frames, "auth_failed")
            return
        for frame in reply.frames:
            connection.send(frame)
        connection.symbol_indexes = self._indexes(connection)
        if reply.outcome is NextStep.AUTHENTICATED:
            self._enforce_cap(connection)
        elif len(connection.conversation.subscriptions) and self.faults.take_abort_after_subscribe():
            connection.abort("fault")

    def _enforce_cap(self, newcomer: Connection) -> None:
        """Close the connections of a key beyond its limit, with status `max_connections` and code 1008."""
        of_key = [
            connection
            for connection in self._connections
            if connection.is_live and connection.conversation.api_key == newcomer.conversation.api_key
        ]
        excess = len(of_key) - self._settings.max_connections
        if excess <= 0:
            return
        evicted = of_key[:excess] if self._settings.eviction is EvictionPolicy.OLDEST else [newcomer]
        for connection in evicted:
            connection.finish(MAX_CONNECTIONS, POLICY_VIOLATION, "max_connections")

    def _auth_timed_out(self, connection: Connection) -> None:
        if connection.conversation.api_key is None:
            connection.finish(AUTH_TIMEOUT, POLICY_VIOLATION, "auth_timeout")

    def _indexes(self, connection: Connection) -> Mapping[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Positions of the wanted tickers by channel; an unknown ticker has no events."""
        return {
            channel: np.array(
                [self._symbol_index[ticker] for ticker in tickers if ticker in self._symbol_index],
                dtype=np.int64,
            )
            for channel, tickers in connection.conversation.subscriptions.tickers().items()
        }

    def _publish_whole(self, block: Block, live: Sequence[Connection], riders: Sequence[Injection]) -> None:
        channel = CHANNEL_OF[block.kind]
        wanting = [
            connection for connection in live if connection.conversation.subscriptions.wants_all(channel)
        ]
        if not wanting:
            return
        for frame in _with_riders(frames_of(block, self._events_per_frame), riders):
            for connection in wanting:
                connection.send(frame)
        metrics.SIMULATOR_EVENTS.labels(channel).inc(len(block) * len(wanting))
        for rider in riders:
            self._count(rider, len(wanting))

    def _publish_bad_frame(self, injection: Injection, live: Sequence[Connection]) -> None:
        wanting = [
            connection for connection in live if connection.conversation.subscriptions.wants_any_whole()
        ]
        for connection in wanting:
            connection.send(injection.data, WSMsgType.BINARY if injection.is_binary else WSMsgType.TEXT)
        self._count(injection, len(wanting))

    def _count(self, injection: Injection, clients: int) -> None:
        pieces = clients * injection.pieces
        self.sent_defects[injection.defect] += pieces
        metrics.SIMULATOR_DEFECTS.labels(injection.defect.value).inc(pieces)

    def _publish_tickers(self, blocks: Sequence[Block], connection: Connection) -> None:
        messages: list[Message] = []
        for block in blocks:
            channel = CHANNEL_OF[block.kind]
            indexes = connection.symbol_indexes.get(channel)
            if indexes is not None:
                messages += (wanted := messages_of(block, block.rows_of(indexes)))
                metrics.SIMULATOR_EVENTS.labels(channel).inc(len(wanted))
        for frame in frames(messages, self._events_per_frame):
            connection.send(frame)


def _with_riders(rendered: Iterator[bytes], riders: Sequence[Injection]) -> Iterator[bytes]:
    """The frames, with bad events appended to the first one, after the good events that they copy."""
    if riders:
        first = next(rendered)
        yield first[:-1] + b"".join(b"," + rider.data for rider in riders) + b"]"
    yield from rendered
