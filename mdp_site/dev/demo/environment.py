"""The settings of a demo run: free ports, persistent secrets, and the file with the environment.

The state is in `.demo/`: `env` (the environment of the running demo, for `set -a; . .demo/env`),
`secrets.json` (created once, so that sessions survive a restart), the databases, and `logs/`.
"""

import json
import os
import secrets
import shlex
import socket
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
FIRST_USUAL_PORT: Final = 1024
LAST_PORT: Final = 65_535
DEMO_USER: Final = "demo"
DEMO_GROUP: Final = "viewers"
"""The demo's user sees the control plane and changes nothing."""
OPERATOR_USER: Final = "operator"
OPERATOR_GROUP: Final = "operators"
SIMULATOR_KEY: Final = "demo"
PASSWORDS_TO_TYPE: Final = frozenset({"DEMO_PASSWORD", "DEMO_OPERATOR_PASSWORD"})
SECRET_NAMES: Final = ("SECRET_KEY", "OIDC_CLIENT_SECRET", "CACHE_PASSWORD", *sorted(PASSWORDS_TO_TYPE))


class DemoError(Exception):
    """The demo cannot start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each process of the demo listens, all on the loopback address."""

    web: int
    identity: int
    simulator: int
    cache: int
    simulator_health: int
    listener_health: int
    processor_health: int
    scanner_health: int


def choose_ports(environment: Mapping[str, str]) -> Ports:
    """Choose the ports. The dashboard gets `PORT` (8000), the others their usual port or any free port.

    The usual ports move with `PORT`, so that two demos that start at the same moment do not choose the same.

    Raises:
        DemoError: `PORT` is not a port, or it is taken. The dashboard does not move to another port by
            itself, because people have its address in their bookmarks.
    """
    web = _dashboard_port(environment)
    taken = {web}

    def usual_or_free(beside_default: int) -> int:
        port = beside_default + web - DEFAULT_PORT
        if not FIRST_USUAL_PORT <= port <= LAST_PORT or port in taken or not _is_free(port):
            port = free_port(taken)
        taken.add(port)
        return port

    return Ports(
        web=web,
        identity=usual_or_free(8001),
        simulator=usual_or_free(9400),
        cache=usual_or_free(6390),
        simulator_health=usual_or_free(9401),
        listener_health=usual_or_free(4200),
        scanner_health=usual_or_free(4205),
        processor_health=usual_or_free(4207),  # its workers use the ports after it
    )


def _dashboard_port(environment: Mapping[str, str]) -> int:
    text = environment.get("PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise DemoError(f"PORT={text!r} is not a port; accepted: a whole number from 1 to {LAST_PORT}")
    port = int(text)
    if not _is_free(port):
        raise DemoError(f"Port {port} is taken. Choose another one: PORT={port + 10} make demo")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Servers set it too: then a port counts as free although a connection of an earlier run is closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: Container[int] = ()) -> int:
    """A free port of the loopback address that is not in `taken`."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def make_private(state: Path) -> None:
    """Create the demo's directory, or make an existing one accessible only to its owner.

    Raises:
        DemoError: the directory is open to others and is not one of a demo, or its mode cannot be changed.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {path.name for path in state.iterdir()}
        if state.stat().st_mode & 0o077:
            if names and not names & {"secrets.json", "logs"}:
                raise DemoError(f"{state} is open to others and has other files; name another directory")
            state.chmod(0o700)
    except OSError as error:
        raise DemoError(f"{state} cannot be made private: {error.strerror}") from error


def load_secrets(state: Path) -> dict[str, str]:
    """The demo's secrets. They are created at the first start, in a file that only its owner can read."""
    path = state / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in SECRET_NAMES if name not in known]
    if missing:
        known |= {name: secrets.token_urlsafe(9 if name in PASSWORDS_TO_TYPE else 48) for name in missing}
        write_private(path, json.dumps(known, indent=1))
    return known


def write_private(path: Path, text: str) -> None:
    """Write a file atomically. Only its owner can read it."""
    unfinished = path.with_name(path.name + ".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)


def build_environment(
    outer: Mapping[str, str], ports: Ports, known_secrets: Mapping[str, str], state: Path
) -> dict[str, str]:
    """The settings of all processes of the demo. `outer` is the environment of the caller.

    If `outer` has `MASSIVE_API_KEY`, `POLYGON_API_KEY` or `MASSIVE_API_KEY_FILE`, the demo uses the real feed
    of the provider.
    """
    cache = f"redis://:{known_secrets['CACHE_PASSWORD']}@{LOOPBACK}:{ports.cache}"
    site = f"http://{LOOPBACK}:{ports.web}"
    settings = {
        "PORT": str(ports.web),
        "SITE_URL": site,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "STATE_DIR": str(state / "site"),
        "DATABASE_URL": f"sqlite:///{state / 'site.sqlite3'}",
        "MDC_URL": f"{cache}/0",
        "MDQ_URL": f"{cache}/1",
        "OIDC_NAME": "Demo identity",
        "OIDC_SERVER_URL": f"http://{LOOPBACK}:{ports.identity}",
        "OIDC_CLIENT_ID": "market-data-platform",
        # One user of the demo sees the control plane, the other one steers the services.
        "OIDC_STAFF_GROUP": DEMO_GROUP,
        "OIDC_OPERATORS_GROUP": OPERATOR_GROUP,
        "DEMO_GROUPS": DEMO_GROUP,
        "DEMO_OPERATOR": OPERATOR_USER,
        "DEMO_OPERATOR_GROUPS": OPERATOR_GROUP,
        "LISTENER_HEALTH_PORT": str(ports.listener_health),
        "PROCESSOR_HEALTH_PORT": str(ports.processor_health),
        "SCANNER_HEALTH_PORT": str(ports.scanner_health),
        **known_secrets,
    }
    if not uses_real_feed(outer):
        settings |= {
            "MASSIVE_API_KEY": SIMULATOR_KEY,
            "MASSIVE_FEED": f"{LOOPBACK}:{ports.simulator}",
            "MASSIVE_SECURE": "false",
            "MASSIVE_REST_URL": f"http://{LOOPBACK}:{ports.simulator}",
        }
    # Only some settings may be overridden. Addresses may not: the shell may still have those of an earlier
    # `.demo/env`, and the processes would not find each other.
    return {**settings, **{name: outer[name] for name in outer.keys() & _OVERRIDABLE}}


_OVERRIDABLE: Final = frozenset(
    {
        "ALLOWED_HOSTS",
        "MDQ_SHARDS",
        "LONGEST_PUBLISH_INTERVAL_MS",
        "LOG_LEVEL",
        "OIDC_NAME",
        "MASSIVE_SUBSCRIPTIONS",
    }
)


def uses_real_feed(outer: Mapping[str, str]) -> bool:
    """Whether the caller's environment has a key of the provider, other than the simulator's key."""
    keys = (outer.get("MASSIVE_API_KEY"), outer.get("POLYGON_API_KEY"), outer.get("MASSIVE_API_KEY_FILE"))
    return any(key and key != SIMULATOR_KEY for key in keys)


def write_environment_file(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings in the syntax of a shell, for `set -a; . .demo/env`."""
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(settings.items())))
