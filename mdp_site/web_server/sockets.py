"""The sockets on which a web process listens, and the file descriptors that it may use."""

import contextlib
import resource
import socket
from typing import Any, Final

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import get_logger

SEND_BUFFER_BYTES: Final = 65_536
"""The kernel's buffer of each connection, which accepted sockets inherit.

Without it the kernel takes up to 4 MB for each client that does not read, and the server notices nothing.
"""
BACKLOG: Final = 4_096
ENOUGH_DESCRIPTORS: Final = 12_000
"""For ten thousand browsers, and what else a process opens."""
RESERVED_DESCRIPTORS: Final = 200
"""For databases, caches, files and logs: clients must never take them."""

_log = get_logger(__name__)


def bound_sockets(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Sockets with the addresses of the host. They listen when the application is ready.

    `shared`: other processes of this user may have the same addresses, and the kernel divides connections.

    Raises:
        ConfigurationError: an address cannot be bound.
    """
    with contextlib.ExitStack() as on_failure:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            bound = [
                on_failure.enter_context(_bound(family, address, shared=shared))
                for family, address in dict.fromkeys((family, address) for family, *_, address in found)
            ]
        except OSError as error:
            accepted = "accepted: a free address of this machine"
            raise ConfigurationError(f"{host}:{port} cannot be served ({error}); {accepted}") from error
        on_failure.pop_all()
    return bound


def _bound(family: int, address: Any, *, shared: bool) -> socket.socket:
    with contextlib.ExitStack() as on_failure:
        made = on_failure.enter_context(socket.socket(family, socket.SOCK_STREAM))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        made.bind(address)
        on_failure.pop_all()
    return made


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open files to the hard one, and return it. A low limit is logged."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError) as error:  # the kernel's own limit is below an unlimited hard one
            _log.warning("limit on open files not raised", limit=soft, error=str(error))
    if soft < ENOUGH_DESCRIPTORS:
        _log.warning(
            "few open files allowed", limit=soft, accepted=f"at least {ENOUGH_DESCRIPTORS} (ulimit -n)"
        )
    return soft


def most_connections() -> int:
    """How many connections the limit on open files leaves for clients."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft - RESERVED_DESCRIPTORS)
