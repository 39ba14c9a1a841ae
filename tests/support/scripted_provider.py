"""A small feed and REST server with the provider's protocol, whose behaviour a test scripts.

The feed runs one script per connection, in the order of the connections. The last script serves all further
connections. A script is a coroutine with a `FeedConnection`, so a test reads like a conversation.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Self, TypeAlias

from aiohttp import web
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Script: TypeAlias = Callable[["FeedConnection"], Awaitable[None]]
Event: TypeAlias = Mapping[str, object]


class FeedConnection:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.subscribed: list[str] = []

    async def send(self, *events: Event) -> None:
        """Send one frame with these events."""
        await self.socket.send(json.dumps(list(events), separators=(",", ":")))

    async def send_status(self, status: str, message: str = "") -> None:
        """Send one frame with one status."""
        await self.send({"ev": "status", "status": status, "message": message})

    async def receive(self) -> Mapping[str, str]:
        """The client's next message."""
        message: Mapping[str, str] = json.loads(await self.socket.recv())
        return message

    async def log_in(self) -> None:
        """Send the greeting and accept any key."""
        await self.send_status("connected", "Connected Successfully")
        await self.receive()
        await self.send_status("auth_success", "authenticated")

    async def read_subscriptions(self) -> Sequence[str]:
        """Receive the channels that the client subscribes to, without an answer."""
        self.subscribed = [word.strip() for word in (await self.receive())["params"].split(",")]
        return self.subscribed

    async def subscribe(self) -> None:
        """Log in, and acknowledge every channel."""
        await self.log_in()
        channels = await self.read_subscriptions()
        await self.send(
            *({"ev": "status", "status": "success", "message": f"subscribed to: {name}"} for name in channels)
        )

    async def until_closed(self) -> None:
        """Stay connected until the client closes the connection."""
        await self.socket.wait_closed()

    def abort(self) -> None:
        """Abort the TCP connection without a close frame."""
        self.socket.transport.abort()


class ScriptedFeed:
    """The feed, an async context manager. `connections` are all connections that clients opened."""

    def __init__(self, *scripts: Script, refuse_with: HTTPStatus | None = None) -> None:
        self._scripts = scripts
        self.refuse_with = refuse_with
        self.connections: list[FeedConnection] = []
        self.refused = 0
        self._server: Server | None = None

    @property
    def address(self) -> str:
        """`host:port`, for the setting `MASSIVE_FEED`."""
        assert self._server is not None
        return f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    def has_connections(self) -> bool:
        """Whether a client has ever connected."""
        return bool(self.connections)

    async def __aenter__(self) -> Self:
        self._server = await serve(self._play, "127.0.0.1", 0, process_request=self._let_in, max_size=None)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _let_in(self, socket: ServerConnection, _request: Request) -> Response | None:
        if self.refuse_with is None:
            return None
        self.refused += 1
        return socket.respond(self.refuse_with, "")

    async def _play(self, socket: ServerConnection) -> None:
        connection = FeedConnection(socket)
        self.connections.append(connection)
        script = self._scripts[min(len(self.connections), len(self._scripts)) - 1]
        try:
            await script(connection)
        except ConnectionClosed:
            return


class ScriptedRest:
    """The REST service, an async context manager. `answers` maps the prefix of a path to the answer.

    An answer is a JSON value, a `web.Response`, or a function that returns either for a request.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.requests: list[web.Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base address, for the setting `MASSIVE_REST_URL`."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)  # lets the requests of other threads arrive
        try:
            return self._find(request)
        finally:
            self._at_once -= 1

    def _find(self, request: web.Request) -> web.StreamResponse:
        for beginning, answer in self.answers.items():
            if request.path.startswith(beginning):
                answered = answer(request) if callable(answer) else answer
                return answered if isinstance(answered, web.StreamResponse) else web.json_response(answered)
        return web.Response(status=404, text="404 page not found")
