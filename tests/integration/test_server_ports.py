"""The suite's own servers: a port that was taken meanwhile costs another start, but never moves a server."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.support.services import PortTakenError, RabbitMQServer, Server, ValkeyServer


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        yield


@pytest.mark.parametrize("kind", [ValkeyServer, pytest.param(RabbitMQServer, marks=pytest.mark.timeout(180))])
def test_a_server_whose_port_was_taken_meanwhile_starts_on_another(kind: type[Server]) -> None:
    server = kind()
    chosen = server.port
    with taken(chosen), server:
        assert server.port != chosen
        assert str(server.port) in server.url
        socket.create_connection(("127.0.0.1", server.port), 5).close()


def test_a_server_that_has_served_keeps_its_port() -> None:
    with ValkeyServer() as server:
        chosen = server.port
        server.kill()
        with taken(chosen), pytest.raises(PortTakenError, match=str(chosen)):
            server.start()
        server.start()
        assert server.port == chosen
