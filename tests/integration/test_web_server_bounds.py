"""What never ends, and what comes too often, at the web server, while another client is served."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from marketdata.runtime.live_settings import FixedSettings, LiveSettings
from mdp_site.web_server.reasons import Reason
from mdp_site.web_settings import WebSettings
from tests.support.deadlines import eventually, eventually_sync
from tests.support.manual_clock import ManualClock
from tests.support.raw_client import UPGRADE, RawClient
from tests.support.watched import WITHIN_SECONDS, cut_off, watched
from tests.support.web_server import Lounge, ServedLounge
from widgets.protocol import CloseCode
from widgets.wire import PreparedFrame

OPEN_AT_THE_STOP = 200
PING = bytes((0x89, 0x80, 0, 0, 0, 0))
PONG = bytes((0x8A, 0))


@pytest.fixture
def limits() -> WebSettings:
    return WebSettings()


@pytest.fixture
def served(limits: WebSettings) -> Iterator[ServedLounge]:
    with ServedLounge(live=FixedSettings(limits)) as running:
        yield running


# --- What never ends

SHORT = WebSettings(head_seconds=0.3, body_seconds=0.3, handshake_seconds=0.3, stalled_seconds=0.3)


@pytest.mark.parametrize("limits", [SHORT])
@pytest.mark.parametrize(
    ("beginning", "reason"),
    [
        (b"", Reason.SLOW_HEAD),
        (b"GET / HTTP/1.1\r\nHost: ", Reason.SLOW_HEAD),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", Reason.SLOW_BODY),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: ", Reason.SLOW_HEAD),
    ],
    ids=["nothing", "half a head", "half a body", "half of the second head"],
)
async def test_a_request_that_never_ends_is_ended(
    served: ServedLounge, beginning: bytes, reason: Reason
) -> None:
    before = cut_off(reason)
    async with watched(served):
        with RawClient(served.port) as client:
            client.send(beginning)
            answer = await asyncio.to_thread(client.rest)
            assert b"HTTP/1.1 408" in answer
    assert cut_off(reason) == before + 1


@pytest.mark.parametrize("limits", [SHORT])
async def test_a_handshake_that_the_application_does_not_answer_is_ended(served: ServedLounge) -> None:
    async with watched(served):
        served.call(served.lounge.may_accept.clear)
        with RawClient(served.port) as client:
            client.send(UPGRADE + b"\r\n")
            assert (await asyncio.to_thread(client.rest)).startswith(b"HTTP/1.1 503")
        served.call(served.lounge.may_accept.set)
    assert cut_off(Reason.SLOW_HANDSHAKE)


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5", b"Content-Length: 0\r\nX: \x7f", b"Transfer-Encoding: chunked"]
)
async def test_a_handshake_that_the_parser_cannot_read_is_answered(served: ServedLounge, body: bytes) -> None:
    async with watched(served):
        with RawClient(served.port) as client:
            client.send(UPGRADE + body + b"\r\n\r\n")
            assert (await asyncio.to_thread(client.rest)).startswith(b"HTTP/1.1 400")
    assert cut_off(Reason.BAD_REQUEST)


async def test_a_defect_while_input_is_taken_leaves_no_connection_open(
    served: ServedLounge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise RuntimeError("a defect")

    async with watched(served):
        with RawClient(served.port) as client:
            monkeypatch.setattr("mdp_site.web_server.http_protocol.HttpProtocol._take", fail)
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await asyncio.to_thread(client.rest) == b""
            monkeypatch.undo()


class ClosedLounge(Lounge):
    """Refuses every WebSocket."""

    async def welcome(self, scope: Any, receive: Any, send: Any) -> None:
        del scope
        await receive()
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})


def test_a_refused_handshake_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(caplog.handler)
    try:
        with ServedLounge(ClosedLounge()) as served, RawClient(served.port) as client:
            client.send(UPGRADE + b"\r\n")
            answer = client.rest()
    finally:
        logger.removeHandler(caplog.handler)
    assert answer.startswith(b"HTTP/1.1 403")
    assert answer.endswith(b"no")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


class LargeLounge(Lounge):
    """Answers HTTP with more than the kernel's buffers hold."""

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        await send({"type": "http.response.body"})


async def test_a_response_that_nobody_reads_is_ended() -> None:
    with ServedLounge(LargeLounge(), live=FixedSettings(SHORT)) as served:
        async with watched(served):
            with RawClient(served.port, receive_buffer_bytes=8_192) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await eventually(lambda: cut_off(Reason.STALLED) > 0, WITHIN_SECONDS)


async def test_a_closed_socket_that_nobody_reads_is_cut_off(served: ServedLounge) -> None:
    with RawClient(served.port, receive_buffer_bytes=8_192) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        visit = served.visit()
        (connection,) = served.server.server_state.connections
        connection.close_timeout = 0.2  # type: ignore[union-attr]

        async def fill_and_close() -> None:
            while connection.transport.get_write_buffer_size() == 0:
                visit.sink.write([PreparedFrame(bytes(20_000))])
            await visit.send({"type": "websocket.close", "code": 4408})

        served.run(fill_and_close())
        await eventually(lambda: not served.server.server_state.connections, WITHIN_SECONDS)


# --- Too many


@pytest.mark.parametrize("limits", [WebSettings(connections_per_address=3)])
async def test_connections_of_an_address_are_bounded_and_another_address_still_enters(
    served: ServedLounge,
) -> None:
    async with watched(served):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(RawClient(served.port)) for _ in range(4)]
            assert (await asyncio.to_thread(clients[-1].rest)).startswith(b"HTTP/1.1 503")
            other = stack.enter_context(RawClient(served.port, source="127.0.0.2"))
            assert (await asyncio.to_thread(other.upgrade)).startswith(b"HTTP/1.1 101")
        with RawClient(served.port) as again:
            assert (await asyncio.to_thread(again.upgrade)).startswith(b"HTTP/1.1 101")
    assert cut_off(Reason.ADDRESS_CONNECTIONS)


async def test_connections_of_the_process_are_bounded_by_its_open_files(
    served: ServedLounge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(served):
        monkeypatch.setattr("mdp_site.web_server.bounds.most_connections", lambda: 3)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(RawClient(served.port, f"127.0.0.{n}")) for n in range(1, 4)]
            assert (await asyncio.to_thread(clients[-1].rest)).startswith(b"HTTP/1.1 503")
    assert cut_off(Reason.CONNECTIONS)


@pytest.mark.parametrize("proxies", [[], ["127.0.0.1"]], ids=["direct", "behind a trusted proxy"])
async def test_handshakes_under_way_are_bounded_by_the_clients_address(proxies: list[str]) -> None:
    limits = WebSettings(handshakes_per_address=2, connections_per_address=5)
    with (
        ServedLounge(live=FixedSettings(limits), trusted_proxies=proxies) as served,
        contextlib.ExitStack() as stack,
    ):

        def client(number: int) -> RawClient:
            source = "127.0.0.1" if proxies else f"127.0.0.{number}"
            opening = stack.enter_context(RawClient(served.port, source))
            opening.send(UPGRADE + b"X-Forwarded-For: 192.0.2.%d\r\n\r\n" % number)
            return opening

        async with watched(served):
            served.call(served.lounge.may_accept.clear)
            first, _second, third = client(1), client(1), client(1)
            assert (await asyncio.to_thread(third.rest)).startswith(b"HTTP/1.1 503")
            other = client(2)
            served.call(served.lounge.may_accept.set)
            assert (await asyncio.to_thread(other.received)).startswith(b"HTTP/1.1 101")
            assert (await asyncio.to_thread(first.received)).startswith(b"HTTP/1.1 101")
            fourth = client(1)
            assert (await asyncio.to_thread(fourth.received)).startswith(b"HTTP/1.1 101")
    assert cut_off(Reason.ADDRESS_HANDSHAKES)


async def test_connections_behind_a_proxy_are_bounded_by_the_address_of_its_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = WebSettings(connections_per_address=2)
    with (
        ServedLounge(live=FixedSettings(limits), trusted_proxies=["127.0.0.1"]) as served,
        contextlib.ExitStack() as stack,
    ):

        def answer(number: int) -> bytes:
            opening = stack.enter_context(RawClient(served.port))
            opening.send(UPGRADE + b"X-Forwarded-For: 192.0.2.%d\r\n\r\n" % number)
            return opening.received()

        bounds = served.server.bounds
        async with watched(served):
            with RawClient(served.port) as leaving:
                leaving.send(UPGRADE + b"X-Forwarded-For: 192.0.2.1\r\n\r\n")
                assert (await asyncio.to_thread(leaving.received)).startswith(b"HTTP/1.1 101")
                assert (await asyncio.to_thread(answer, 1)).startswith(b"HTTP/1.1 101")
                refused = await asyncio.to_thread(answer, 1)
                assert refused.startswith(b"HTTP/1.1 503")
                assert b"retry-after" in refused.lower()
                assert (await asyncio.to_thread(answer, 2)).startswith(b"HTTP/1.1 101")
            await eventually(lambda: bounds._connections["192.0.2.1"] == 1, WITHIN_SECONDS)
            assert (await asyncio.to_thread(answer, 1)).startswith(b"HTTP/1.1 101")
        assert bounds._connections["192.0.2.1"] == limits.connections_per_address
    assert bounds._connections == Counter()
    assert cut_off(Reason.ADDRESS_CONNECTIONS)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def live_settings() -> LiveSettings[WebSettings]:
    return LiveSettings(WebSettings(), source="this test", clock=ManualClock(time_ms=0))


async def test_bounds_that_change_hold_for_the_next_decision_and_end_no_connection() -> None:
    live = live_settings()
    with ServedLounge(live=live) as served, contextlib.ExitStack() as stack:

        def client() -> RawClient:
            return stack.enter_context(RawClient(served.port, "127.0.0.2"))

        async with watched(served):
            first = client()
            assert (await asyncio.to_thread(first.upgrade)).startswith(b"HTTP/1.1 101")
            served.call(lambda: live.apply(WebSettings(connections_per_address=1)))
            assert (await asyncio.to_thread(client().rest)).startswith(b"HTTP/1.1 503")
            first.send(PING)
            assert await asyncio.to_thread(first.received) == PONG
            served.call(lambda: live.apply(WebSettings()))
            assert (await asyncio.to_thread(client().upgrade)).startswith(b"HTTP/1.1 101")


def test_a_rate_of_pings_that_changes_holds_for_an_open_connection() -> None:
    live = live_settings()
    with ServedLounge(live=live) as served, RawClient(served.port) as client:
        assert client.upgrade().startswith(b"HTTP/1.1 101")
        client.send(PING * 10)
        pongs = b""
        while len(pongs) < 10 * len(PONG):
            pongs += client.received()
        served.call(lambda: live.apply(WebSettings(control_frames_per_second=0.1, control_frames_burst=2)))
        client.send(PING)
        assert CloseCode.TOO_MANY_FRAMES.reason.encode() in client.rest()


# --- The end of the server


def test_a_stop_closes_every_socket_with_1012_in_time_and_without_a_line_for_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with contextlib.ExitStack() as stack:
        with caplog.at_level("INFO"), ServedLounge() as served:
            clients = [stack.enter_context(RawClient(served.port)) for _ in range(OPEN_AT_THE_STOP)]
            assert all(client.upgrade().startswith(b"HTTP/1.1 101") for client in clients)
            stalled = stack.enter_context(RawClient(served.port, receive_buffer_bytes=8_192))
            assert stalled.upgrade().startswith(b"HTTP/1.1 101")
            visit = served.visit(OPEN_AT_THE_STOP)

            def fill() -> bool:
                visit.sink.write([PreparedFrame(bytes(20_000))])
                return not visit.sink.writable

            eventually_sync(lambda: served.call(fill), WITHIN_SECONDS)
            caplog.clear()
        closing = CloseCode.RESTART.to_bytes(2, "big") + CloseCode.RESTART.reason.encode()
        assert all(client.rest()[2:] == closing for client in clients)
        assert len(caplog.records) < OPEN_AT_THE_STOP / 10
