"""Two web processes of one site behind nginx, and what clients need to reach them."""

import contextlib
import json
import re
import socket
import urllib.request
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Self

from aiohttp.abc import AbstractResolver, ResolveResult
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.typing import Subprotocol

from marketdata.store.keys import Keys
from tests.support.deadlines import eventually_sync, scaled
from tests.support.nginx import NAME, NginxServer
from tests.support.services import free_port
from tests.support.site import Site
from tests.support.widget_site import WidgetClient
from widgets.protocol import SUBPROTOCOL_V2

WITHIN_SECONDS: Final = 20.0
MOST_PER_ADDRESS: Final = 2


class ProxiedSite:
    """Two web processes with one database and one cache, and nginx before them."""

    def __init__(self, redis_url: str, prefix: str, **settings: str) -> None:
        ports = (free_port(), free_port())
        self.proxy = NginxServer(ports)
        common = {
            "SITE_URL": self.proxy.url,
            "MDC_KEY_PREFIX": f"{prefix}:",
            "LOG_FORMAT": "json",
            "WEB_CONNECTIONS_PER_ADDRESS": str(MOST_PER_ADDRESS),
            **settings,
        }
        first = Site(redis_url=redis_url, oidc_url="http://127.0.0.1:1", port=ports[0], **common)
        common["STATE_DIR"] = str(first.directory / "state")
        second = Site(redis_url=redis_url, oidc_url="http://127.0.0.1:1", port=ports[1], **common)
        self.processes = (first, second)
        self.keys = Keys(f"{prefix}:")
        self._token = ""

    def connect_unread(self) -> connect_websocket:
        """A WebSocket whose client has little room for what it does not read."""
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        own.connect(("127.0.0.1", self.proxy.port))
        own.setblocking(False)
        return self._connect(sock=own, max_queue=1)

    def connect(self, source: str = "127.0.0.1", **headers: str) -> connect_websocket:
        """A WebSocket of a program, from an address of its own."""
        return self._connect(headers, host="127.0.0.1", port=self.proxy.port, local_addr=(source, 0))

    def _connect(
        self, headers: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> connect_websocket:
        return connect_websocket(
            f"wss://{NAME}:{self.proxy.port}/ws/",
            ssl=self.proxy.trusting(),
            proxy=None,
            subprotocols=[Subprotocol(SUBPROTOCOL_V2)],
            additional_headers={"Authorization": f"Bearer {self._token}", **headers},
            open_timeout=scaled(WITHIN_SECONDS),
            **options,
        )

    async def client(self, connection: ClientConnection) -> WidgetClient:
        """A client that has received its welcome."""
        client = WidgetClient(connection)
        await client.of_type("welcome")
        return client

    def connections(self, process: Site) -> int:
        """The WebSockets of a process, by its own metric."""
        return self.metric(process, "mdp_widget_connections")

    def metric(self, process: Site, name: str) -> int:
        """A metric of a process."""
        with urllib.request.urlopen(f"{process.url}/metrics", timeout=scaled(5)) as answer:  # noqa: S310 - our own address
            found = re.search(rf"^{name} (\S+)", answer.read().decode(), re.MULTILINE)
        assert found
        return int(float(found[1]))

    def serving(self) -> Site:
        """The one process that has WebSockets, when there is one."""
        eventually_sync(lambda: not self.are_free(), WITHIN_SECONDS)
        return next(each for each in self.processes if self.connections(each))

    def are_free(self) -> bool:
        """Whether no process has a WebSocket."""
        return not any(self.connections(each) for each in self.processes)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log entries of both processes with this event."""
        lines = (line for each in self.processes for line in each.log.splitlines() if event in line)
        return [json.loads(line) for line in lines]

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as on_failure:
            for each in (*self.processes, self.proxy):
                on_failure.enter_context(each)
            made = "from mdp_site.accounts.models import User; User.objects.create_user('bot')"
            self.processes[0].manage("shell", "--no-imports", "-c", made)
            self._token = self.processes[0].manage("create_api_token", "bot").strip()
            self._running = on_failure.pop_all()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._running.close()


class Loopback(AbstractResolver):
    """Finds every name at 127.0.0.1."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is open."""
