"""Endless and flooding input for the web server, on a real port, while another client is served."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from marketdata.runtime.live_settings import FixedSettings
from mdp_site.web_server.http_protocol import PIECE_BYTES, HttpProtocol
from mdp_site.web_server.reasons import Reason
from mdp_site.web_settings import WebSettings
from tests.support.deadlines import eventually, eventually_sync
from tests.support.raw_client import EMPTY_FRAGMENT, PING, TEXT_BEGINS, UPGRADE, RawClient
from tests.support.watched import WITHIN_SECONDS, attack, cut_off, watched
from tests.support.web_server import Lounge, ServedLounge
from widgets.wire import PreparedFrame

MIB = 1024 * 1024
POLICY_VIOLATION = 1008


@pytest.fixture
def limits() -> WebSettings:
    return WebSettings()


@pytest.fixture
def served(limits: WebSettings) -> Iterator[ServedLounge]:
    with ServedLounge(live=FixedSettings(limits)) as running:
        yield running


# --- Input without end


@pytest.mark.parametrize(
    ("beginning", "status"),
    [
        (b"GET / HTTP/1.1\r\nX-Long: ", 431),
        (b"GET /", 414),
        (b"GET / HTTP/1.1\r\nX-" + b"name" * 100 + b"\r\nY-", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", 431),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: ", 431),
    ],
    ids=["header", "url", "malformed", "chunk extension", "trailer"],
)
async def test_a_head_without_end_is_cut_at_once(served: ServedLounge, beginning: bytes, status: int) -> None:
    def send() -> int:
        with RawClient(served.port) as client:
            client.send(beginning)
            for _ in range(56):
                client.send(b"a" * MIB)
            return client.status()

    async with watched(served) as ticker:
        assert await attack(ticker, send) in (status, 0)  # the reset may overtake the answer
    assert cut_off(Reason.HEAD_TOO_LARGE if status != 400 else Reason.BAD_REQUEST)


@pytest.mark.parametrize(
    ("beginning", "status"),
    [(b"GET / HTTP/1.1\r\nX-Long: ", b"431"), (b"GET /", b"414")],
    ids=["header", "url"],
)
def test_the_answer_says_what_is_too_large(served: ServedLounge, beginning: bytes, status: bytes) -> None:
    with RawClient(served.port) as client:
        client.send(beginning + b"a" * (served.server.bounds.limits.head_bytes + PIECE_BYTES))
        assert client.rest().startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("limits", [WebSettings(body_bytes=100_000)])
def test_a_body_above_the_limit_is_refused(served: ServedLounge) -> None:
    with RawClient(served.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 110_000)
        assert client.rest().startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "header",
    [b"Cookie: " + b"c" * 9_000, b"\r\n".join(b"X-%d: 1" % n for n in range(130))],
    ids=["a long cookie", "many headers"],
)
def test_a_handshake_that_the_parser_cannot_take_is_answered(served: ServedLounge, header: bytes) -> None:
    with RawClient(served.port) as client:
        assert client.upgrade(header).startswith(b"HTTP/1.1 431")
        assert client.rest() == b""
    assert cut_off(Reason.HEAD_TOO_LARGE)


# --- Input that is faster than it is worked off


class SlowLounge(Lounge):
    """Answers HTTP when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()
        self.answered = 0

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        while not self.may_answer.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    receive(), 0.01
                )  # as Django does, which listens for the end of the client
        self.answered += 1
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body"})


async def test_pipelined_requests_wait_in_the_network_and_none_is_lost() -> None:
    lounge = SlowLounge()
    request = b"GET /" + b"p" * 2_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"

    def flood(served: ServedLounge, client: RawClient) -> int:
        taken, waiting = 0, request * (18 * MIB // len(request))
        while taken < len(waiting):
            sent = client.send_while_taken(waiting[taken : taken + MIB])
            taken += sent
            if not sent and served.call(lambda: all(each.flow.read_paused for each in pipelining(served))):
                break
        assert taken < len(waiting), "the server reads more than it works off"
        client.send(waiting[taken : -(-taken // len(request)) * len(request)])
        return -(-taken // len(request))

    def pipelining(served: ServedLounge) -> list[HttpProtocol]:
        return [each for each in served.server.server_state.connections if isinstance(each, HttpProtocol)]

    with ServedLounge(lounge) as served, RawClient(served.port) as client:
        async with watched(served) as ticker:
            flooding = asyncio.create_task(asyncio.to_thread(flood, served, client))
            await eventually(lambda: any(each.pipeline for each in pipelining(served)), WITHIN_SECONDS)
            await ticker.still_served()
            await eventually(
                lambda: all(each.flow.read_paused for each in pipelining(served)), WITHIN_SECONDS
            )
            (connection,) = pipelining(served)
            assert len(connection.pipeline) <= PIECE_BYTES // len(request) + 1
            lounge.may_answer.set()
            count = await flooding
            client.end_sending()
            # A client that reads no answers stops the server at last: how many fit into the network varies.
            answers = await asyncio.to_thread(client.rest)
    assert answers.count(b"HTTP/1.1 204") == lounge.answered == count


@pytest.mark.parametrize(
    "frames", [PING * 50_000, TEXT_BEGINS + EMPTY_FRAGMENT * 50_000], ids=["pings", "empty fragments"]
)
async def test_a_flood_of_frames_that_are_no_messages_ends_with_1008(
    served: ServedLounge, frames: bytes
) -> None:
    def flood() -> bytes:
        with RawClient(served.port) as client:
            assert client.upgrade().startswith(b"HTTP/1.1 101")
            client.send(frames)
            return client.rest()

    async with watched(served) as ticker:
        answer = await attack(ticker, flood)
    assert POLICY_VIOLATION.to_bytes(2, "big") + b"stop: " in answer
    assert cut_off(Reason.CONTROL_FRAMES)


def test_one_ping_too_many_ends_with_1008(served: ServedLounge) -> None:
    with RawClient(served.port) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        for _ in range(served.server.bounds.limits.control_frames_burst * 2):
            client.send(PING)
        assert POLICY_VIOLATION.to_bytes(2, "big") + b"stop: " in client.rest()


def test_a_client_that_sends_on_after_the_close_frame_is_not_reset(served: ServedLounge) -> None:
    with RawClient(served.port) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        client.send(PING * served.server.bounds.limits.control_frames_burst * 2)
        assert POLICY_VIOLATION.to_bytes(2, "big") + b"stop: " in client.rest()
        for _ in range(3):
            assert client.is_taken(PING), "the server has reset the connection"
        client.end_sending()
        eventually_sync(lambda: not served.server.server_state.connections, WITHIN_SECONDS)


async def test_a_client_that_never_ends_after_the_close_frame_is_cut_off(served: ServedLounge) -> None:
    def flood_on() -> None:
        with RawClient(served.port) as client:
            assert client.upgrade().startswith(b"HTTP/1.1 101")
            while client.is_taken(PING * 10_000):
                pass

    async with watched(served) as ticker:
        await attack(ticker, flood_on)
    assert not served.server.server_state.connections


def test_pings_within_the_rate_are_answered(served: ServedLounge) -> None:
    with RawClient(served.port) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        client.send(PING * 10)
        pongs = b""
        while len(pongs) < 20:
            pongs += client.received()
        assert pongs == b"\x8a\x00" * 10


def test_pongs_wait_for_a_client_that_does_not_read(served: ServedLounge) -> None:
    with RawClient(served.port, receive_buffer_bytes=8_192) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        visit, frame = served.visit(), PreparedFrame(bytes(50_000))

        def fill() -> bool:
            visit.sink.write([frame])
            return not visit.sink.writable

        eventually_sync(lambda: served.call(fill), WITHIN_SECONDS)
        (connection,) = served.server.server_state.connections
        before = served.call(connection.transport.get_write_buffer_size)
        masked = b"".join(bytes((0x89, 0x81, 0, 0, 0, 0, 65 + number)) for number in range(10))
        client.send(masked)
        eventually_sync(lambda: bool(getattr(connection, "_waiting_pong")), WITHIN_SECONDS)  # noqa: B009
        assert served.call(connection.transport.get_write_buffer_size) <= before
        read = b""
        while b"\x8a\x01J" not in read[-200:]:  # the newest
            read = read[-200:] + client.received()


async def test_frames_before_the_handshake_is_answered_end_the_connection(served: ServedLounge) -> None:
    async with watched(served) as ticker:
        served.call(served.lounge.may_accept.clear)
        with RawClient(served.port) as client:
            client.send(UPGRADE + b"\r\n")
            await eventually(lambda: len(served.lounge.visits) == 2, WITHIN_SECONDS)
            await asyncio.to_thread(client.send, PING * 50_000)
            await ticker.still_served()
            assert await asyncio.to_thread(client.rest) == b""
    assert cut_off(Reason.EARLY_FRAMES)


def test_many_messages_in_one_read_reach_the_application_in_order(served: ServedLounge) -> None:
    count = 5_000
    with RawClient(served.port) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        texts = [b"%05d" % number for number in range(count)]
        client.send(b"".join(bytes((0x81, 0x85, 0, 0, 0, 0)) + text for text in texts))
        visit = served.visit()
        eventually_sync(lambda: len(visit.heard) == count, WITHIN_SECONDS)
        assert [message["text"] for message in visit.heard] == [text.decode() for text in texts]
