"""The whole platform as an operator runs it: each process alone, so that a test can kill one of them.

PostgreSQL, RabbitMQ and Valkey; the simulator and the identity provider; listener, processor, scanner, jobs,
and two web processes of one site. The login knows two users: a viewer and an operator.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tests.support.deadlines import scaled
from tests.support.postgres import PostgresServer
from tests.support.services import RabbitMQServer, Server, ValkeyServer, free_port
from tests.support.site import MANAGE, WebProcess

VIEWER: Final = "vera"
OPERATOR: Final = "olga"
PASSWORD: Final = "correct horse battery staple"
API_KEY: Final = "demo"
STATUS_SECONDS: Final = 40.0
START: Final = "2026-11-20T11:00"
"""New York time of the simulated market: a quiet morning."""


class ManagedProcess(WebProcess):
    """A `manage.py` command. It is ready when it answers at its health port; without one, when it runs."""

    start_seconds = 60.0

    def __init__(
        self, arguments: tuple[str, ...], settings: Mapping[str, str], port: int | None = None
    ) -> None:
        super().__init__()
        self.port = port or 0
        self._arguments = arguments
        self._settings = settings

    def _command(self) -> list[str]:
        return [sys.executable, str(MANAGE), *self._arguments]

    def _environment(self) -> dict[str, str]:
        return super()._environment() | dict(self._settings)

    def _ready(self) -> bool:
        return super()._ready() if self.port else True


@dataclass(frozen=True, slots=True)
class Answer:
    """What `manage.py status` said: its exit code and its output."""

    code: int
    text: str


class WholePlatform:
    """All servers and processes. Its context starts them in the order of an installation."""

    def __init__(self) -> None:
        self.database, self.broker, self.cache = PostgresServer(), RabbitMQServer(), ValkeyServer()
        self.ports = {name: free_port() for name in ("web", "web 2", "identity", "market")}
        self.url = f"http://127.0.0.1:{self.ports['web']}"
        self.processes: dict[str, ManagedProcess] = {}

    @property
    def web(self) -> ManagedProcess:
        """The web process at the address of the site."""
        return self.processes["web"]

    def server(self, name: str) -> Server:
        """A server or a process by its name."""
        servers: dict[str, Server] = {
            "database": self.database,
            "broker": self.broker,
            "cache": self.cache,
        }
        return {**servers, **self.processes}[name]

    def status(self) -> Answer:
        """The answer of `manage.py status` now."""
        done = subprocess.run(
            [sys.executable, str(MANAGE), "status"],
            env={"PATH": os.environ.get("PATH", os.defpath), **self.environment()},
            capture_output=True,
            text=True,
            timeout=scaled(STATUS_SECONDS),
            check=False,
        )
        return Answer(done.returncode, " ".join(done.stdout.split()))

    def environment(self) -> dict[str, str]:
        """The settings of all processes."""
        market = f"127.0.0.1:{self.ports['market']}"
        return {
            "LANG": "C.UTF-8",
            "DATABASE_URL": self.database.url,
            "DATABASE_ANSWER_SECONDS": "2",
            "MDC_URL": self.cache.database(0),
            "CACHE_URL": self.cache.database(1),
            "MDQ_URL": self.broker.url,
            "STATE_DIR": str(self.database.directory / "site"),
            "SITE_URL": self.url,
            "SECRET_KEY": "of the tests " * 6,
            "MASSIVE_API_KEY": API_KEY,
            "MASSIVE_FEED": market,
            "MASSIVE_SECURE": "false",
            "MASSIVE_REST_URL": f"http://{market}",
            "OIDC_NAME": "the test provider",
            "OIDC_SERVER_URL": f"http://127.0.0.1:{self.ports['identity']}",
            "OIDC_CLIENT_ID": "market-data-platform",
            "OIDC_CLIENT_SECRET": "shared by the processes of one test run",
            "OIDC_STAFF_GROUP": "viewers",
            "OIDC_OPERATORS_GROUP": "operators",
            # Not those of this machine, from which the tests visit the site.
            "METRICS_NETWORKS": "192.0.2.0/24",
            "DEMO_PASSWORD": PASSWORD,
            "DEMO_GROUPS": "viewers",
            "DEMO_OPERATOR": OPERATOR,
            "DEMO_OPERATOR_PASSWORD": PASSWORD,
            "DEMO_OPERATOR_GROUPS": "operators",
        }

    def manage(self, *arguments: str) -> None:
        """Run a management command to its end."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), **self.environment()}
        subprocess.run([sys.executable, str(MANAGE), *arguments], env=environment, check=True)

    def _start(self) -> None:
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(Server.start, (self.database, self.broker, self.cache)):
                pass
        self._plan()
        with ThreadPoolExecutor() as pool:
            outside = [self.processes["identity"], self.processes["market"]]
            migrated = pool.submit(self.manage, "migrate", "--verbosity", "0")
            for _ in pool.map(Server.start, outside):
                pass
            migrated.result()
            loaded = pool.submit(self.manage, "load_reference", "--if-stale", "--verbosity", "0")
            for _ in pool.map(Server.start, self.processes.values()):
                pass
            loaded.result()

    def _plan(self) -> None:
        settings = self.environment()
        health = free_port()
        identity = (
            *("run_identity_provider", "--port", str(self.ports["identity"]), "--user", VIEWER),
            *("--state-dir", str(self.database.directory / "identity")),
        )
        market = (
            *("run_simulator", "--port", str(self.ports["market"]), "--api-key", API_KEY),
            *("--symbols", "300", "--rate", "500", "--start", START, "--health-port", str(health)),
        )
        self.processes["identity"] = ManagedProcess(identity, settings, self.ports["identity"])
        self.processes["market"] = ManagedProcess(market, settings, health)
        for service in ("listener", "processor", "scanner"):
            health = free_port()
            arguments = (f"run_{service}", "--health-port", str(health))
            self.processes[service] = ManagedProcess(arguments, settings, health)
        for name in ("web", "web 2"):
            port = self.ports[name]
            self.processes[name] = ManagedProcess(("run_web", "--port", str(port)), settings, port)
        self.processes["jobs"] = ManagedProcess(("qcluster",), settings)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything, what others need last."""
        with contextlib.ExitStack() as stack:
            for server in (self.cache, self.broker, self.database):
                stack.callback(server.close)
            for process in self.processes.values():
                stack.callback(process.kill)
