"""Clients that close their sending side after their requests, and read on."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.deadlines import eventually_sync
from tests.support.raw_client import UPGRADE, RawClient
from tests.support.watched import WITHIN_SECONDS
from tests.support.web_server import Lounge, Message, ServedLounge

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


class SlowLounge(Lounge):
    """Answers only after `may_answer` is set. `asked` counts the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def answer(self, scope: Message, receive: Any, send: Any) -> None:
        """Wait, then answer."""
        self.asked += 1
        await self.may_answer.wait()
        await super().answer(scope, receive, send)


@pytest.fixture
def lounge() -> SlowLounge:
    return SlowLounge()


@pytest.fixture
def served(lounge: SlowLounge) -> Iterator[ServedLounge]:
    with ServedLounge(lounge) as running:
        yield running


@pytest.mark.parametrize(
    ("requests", "answers"),
    [
        (GET, 1),
        (POST + b"hello", 1),
        (GET * 3, 3),
        (GET * 2 + b"GET / HT", 2),
        (GET + POST + b"he", 1),
    ],
    ids=["one", "a body", "three", "two and half a head", "one and half a body"],
)
def test_whole_requests_are_answered_and_then_the_connection_ends(
    served: ServedLounge, lounge: SlowLounge, requests: bytes, answers: int
) -> None:
    with RawClient(served.port) as client:
        client.send(requests)
        client.end_sending()
        eventually_sync(lambda: lounge.asked, WITHIN_SECONDS)
        served.call(lounge.may_answer.set)
        assert client.rest().count(b"hello") == answers


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HT", POST + b"he", UPGRADE + b"\r\n"],
    ids=["nothing", "head", "body", "upgrade"],
)
def test_what_cannot_be_answered_ends_the_connection(
    served: ServedLounge, lounge: SlowLounge, beginning: bytes
) -> None:
    served.call(lounge.may_accept.clear)  # a handshake that is accepted before its client ends has an answer
    with RawClient(served.port) as client:
        client.send(beginning)
        client.end_sending()
        assert client.rest() == b""
    eventually_sync(lambda: served.call(lambda: not served.server.server_state.connections), WITHIN_SECONDS)
