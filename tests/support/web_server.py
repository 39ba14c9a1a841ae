"""The web server on a real port, in a thread and a uvloop of its own, with an application for tests."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any, Final, Self, TypeVar

import uvloop

from mdp_site.web_server import WebServer
from tests.support.deadlines import eventually_sync, scaled
from widgets.wire import SINK_EXTENSION, FrameSink

START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 15.0
SEND_BUFFER_BYTES: Final = 16_384
"""Small, so that the server notices after a few frames that a client does not read."""

T = TypeVar("T")
Message = MutableMapping[str, Any]


class Visit:
    """One WebSocket connection, as the application sees it."""

    def __init__(self, scope: Message, send: Callable[[Message], Coroutine[Any, Any, None]]) -> None:
        self.scope = scope
        self.send = send
        self.sink: FrameSink = scope["extensions"][SINK_EXTENSION]["sink"]
        self.heard: list[Message] = []
        self.left = threading.Event()


class Lounge:
    """An ASGI application that accepts every WebSocket, keeps what it hears, and answers `hello` by HTTP."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.may_accept = asyncio.Event()
        self.may_accept.set()

    async def __call__(
        self, scope: Message, receive: Callable[[], Coroutine[Any, Any, Message]], send: Any
    ) -> None:
        if scope["type"] == "http":
            await self.answer(scope, receive, send)
        else:
            await self.welcome(scope, receive, send)

    async def answer(
        self, scope: Message, receive: Callable[[], Coroutine[Any, Any, Message]], send: Any
    ) -> None:
        """Read the request to its end, and answer it."""
        del scope
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})

    async def welcome(
        self, scope: Message, receive: Callable[[], Coroutine[Any, Any, Message]], send: Any
    ) -> None:
        """Accept the connection, and listen until it ends."""
        visit = Visit(scope, send)
        self.visits.append(visit)
        await receive()
        await self.may_accept.wait()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            visit.heard.append(message)
            if message["type"] == "websocket.disconnect":
                visit.left.set()
                return


class ServedLounge:
    """A `WebServer` with a `Lounge`. Use `call` for whatever belongs to the server's event loop.

    with ServedLounge() as served:
        async with connect(served.url): ...
    """

    def __init__(self, lounge: Lounge | None = None, **options: Any) -> None:
        self.lounge = lounge or Lounge()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._listening.bind(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.server = WebServer(self.lounge, **({"trusted_proxies": []} | options))
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="web server of a test")

    @property
    def url(self) -> str:
        """The address of the WebSocket."""
        return f"ws://127.0.0.1:{self.port}/ws/"

    def call(self, work: Callable[[], T]) -> T:
        """The result of `work` in the server's event loop."""

        async def run() -> T:
            return work()

        return self.run(run())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(scaled(STOP_SECONDS))

    def visit(self, number: int = 0) -> Visit:
        """A connection that is open, by the order of their beginning."""
        visits = self.lounge.visits
        eventually_sync(lambda: len(visits) > number and visits[number].sink.writable, START_SECONDS)
        return visits[number]

    def _serves(self) -> bool:
        return bool(self.server._acceptors)  # a connection to find out would be one that a test counts

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.server.serve([self._listening]))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        eventually_sync(self._serves, START_SECONDS)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.server.should_exit = True
        self._thread.join(scaled(STOP_SECONDS))
        assert not self._thread.is_alive(), "the web server did not stop"
