"""What the web server promises to the hub and to clients, with members of uvicorn that are not documented."""

import asyncio
import contextlib
import gc
import socket
import weakref
import zlib
from collections.abc import Iterator

import pytest
from playwright.async_api import async_playwright
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from mdp_site.web_server.http_protocol import HttpProtocol
from mdp_site.web_server.server import MAX_MESSAGE_BYTES
from mdp_site.web_server.websocket_protocol import MOST_UNSENT_BYTES, WebSocketProtocol
from tests.support.browser import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.support.deadlines import eventually, eventually_sync
from tests.support.web_server import ServedLounge, Visit
from widgets.protocol import CloseCode
from widgets.wire import ConnectionSink, FrameSink, PreparedFrame

WITHIN_SECONDS = 10.0
BOARD = PreparedFrame('{"type":"delta","rows":[' + ",".join(f'["SYM{i}",{i}.5]' for i in range(500)) + "]}")
SHORT = PreparedFrame('{"type":"status"}')
BINARY = PreparedFrame(bytes(range(256)) * 4)
SHARED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.fixture
def served() -> Iterator[ServedLounge]:
    with ServedLounge() as running:
        yield running


def write(served: ServedLounge, visit: Visit, *frames: PreparedFrame) -> None:
    served.call(lambda: visit.sink.write(frames))


async def received(client: ClientConnection, count: int) -> list[str | bytes]:
    return [await client.recv() for _ in range(count)]


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        ([], None),
        (
            [ClientPerMessageDeflateFactory()],
            SHARED,
        ),
        (
            [ClientPerMessageDeflateFactory(client_max_window_bits=12, server_max_window_bits=15)],
            f"{SHARED}; server_max_window_bits=15; client_max_window_bits=12",
        ),
        ([ClientPerMessageDeflateFactory(server_max_window_bits=14)], None),
    ],
    ids=["no offer", "default", "largest window", "smaller window"],
)
async def test_every_client_reads_the_frames_of_the_sink(
    served: ServedLounge, offer: list[ClientPerMessageDeflateFactory], agreed: str | None
) -> None:
    async with connect(served.url, compression=None, extensions=offer or None, proxy=None) as client:
        assert client.response is not None
        answer = client.response.headers.get("Sec-WebSocket-Extensions")
        parameters = answer.split("; ") if answer else None
        assert (sorted(parameters) if parameters else None) == (
            sorted(agreed.split("; ")) if agreed else None
        )
        write(served, served.visit(), BOARD, SHORT, BINARY)
        assert await received(client, 3) == [BOARD.payload, SHORT.payload, BINARY.payload]


@pytest.mark.browser
async def test_chromium_reads_the_frames_of_the_sink(served: ServedLounge) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{served.port}/")
        await page.evaluate(
            """url => new Promise((resolve, reject) => {
                window.heard = [];
                window.socket = new WebSocket(url);
                window.socket.onmessage = event => window.heard.push(event.data);
                window.socket.onopen = resolve;
                window.socket.onerror = reject;
            })""",
            served.url,
        )
        write(served, served.visit(), BOARD, SHORT)
        await page.wait_for_function("window.heard.length === 2")
        assert await page.evaluate("window.heard") == [BOARD.payload, SHORT.payload]
        agreed = await page.evaluate("window.socket.extensions")
        assert "permessage-deflate" in agreed
        assert "server_no_context_takeover" in agreed
        await browser.close()


async def test_answers_by_asgi_and_frames_keep_the_order_of_the_calls(served: ServedLounge) -> None:
    async with connect(served.url, proxy=None) as client:
        visit = served.visit()

        async def talk() -> None:
            for number in range(20):
                await visit.send({"type": "websocket.send", "text": f"answer {number}" * 50})
                visit.sink.write([PreparedFrame(f"frame {number}" * 50)])

        served.run(talk())
        expected = [f"{kind} {number}" * 50 for number in range(20) for kind in ("answer", "frame")]
        assert await received(client, 40) == expected


async def test_all_frames_of_a_call_leave_in_one_write(
    served: ServedLounge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(served.url, proxy=None) as client:
        visit = served.visit()
        calls: list[int] = []

        class CountingTransport:
            def __init__(self, protocol: WebSocketProtocol) -> None:
                self._transport = protocol.transport
                self.is_closing = self._transport.is_closing

            def writelines(self, lines: list[bytes]) -> None:
                calls.append(len(lines))
                self._transport.writelines(lines)

        (protocol,) = served.server.server_state.connections
        assert isinstance(protocol, WebSocketProtocol)
        with monkeypatch.context() as patch:
            patch.setattr(protocol, "transport", CountingTransport(protocol))
            write(served, visit, BOARD, SHORT, BINARY)
        await received(client, 3)
        assert calls == [3]


def test_a_client_that_does_not_read_makes_the_sink_unwritable_until_it_reads_again(
    served: ServedLounge,
) -> None:
    told: list[str] = []
    with open_raw(served) as client:
        visit = served.visit()
        served.call(lambda: visit.sink.when_writable(lambda: told.append("first")))
        served.call(lambda: visit.sink.when_writable(lambda: told.append("second")))

        def fill() -> bool:
            write(served, visit, BINARY, BINARY, BINARY, BINARY)
            return not visit.sink.writable

        eventually_sync(fill, WITHIN_SECONDS)
        assert not told
        connection = visit.sink._connection  # type: ignore[attr-defined]
        # Its kernel's buffer is full: the server holds the last frames in vain, and little more.
        unsent = served.call(connection.transport.get_write_buffer_size)
        assert unsent <= MOST_UNSENT_BYTES + 4 * len(BINARY.plain())
        client.settimeout(WITHIN_SECONDS)
        while not told:
            assert client.recv(1 << 20)
        assert told == ["first", "second"]
        assert visit.sink.writable


@contextlib.contextmanager
def open_raw(served: ServedLounge) -> Iterator[socket.socket]:
    """A WebSocket whose client reads only when the test does."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        client.connect(("127.0.0.1", served.port))
        client.sendall(
            b"GET /ws/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert client.recv(4_096).startswith(b"HTTP/1.1 101")
        yield client


async def test_nothing_is_written_before_the_handshake_or_after_the_close_frame(served: ServedLounge) -> None:
    served.call(served.lounge.may_accept.clear)
    opening = connect(served.url, proxy=None)
    entering = asyncio.create_task(opening.__aenter__())
    await eventually(lambda: len(served.lounge.visits) == 1, WITHIN_SECONDS)
    sink = served.lounge.visits[0].sink
    assert not sink.writable
    write(served, served.lounge.visits[0], BOARD)
    served.call(served.lounge.may_accept.set)
    client = await entering
    write(served, served.visit(), SHORT)
    assert await client.recv() == SHORT.payload

    async def close_and_write() -> bool:
        await served.lounge.visits[0].send({"type": "websocket.close", "code": 4401})
        sink.write([BOARD])
        return sink.writable

    assert not served.run(close_and_write())
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_a_lost_connection_takes_writes_in_silence(served: ServedLounge) -> None:
    async with connect(served.url, proxy=None) as client:
        visit = served.visit()

        def abort_and_write() -> bool:
            visit.sink.abort()
            visit.sink.write([BOARD])
            return visit.sink.writable

        assert not served.call(abort_and_write)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        await eventually(visit.left.is_set, WITHIN_SECONDS)
        assert not served.call(abort_and_write)
        served.call(lambda: visit.sink.when_writable(lambda: None))


async def test_a_compressed_bomb_is_refused_with_1009(served: ServedLounge) -> None:
    async with connect(served.url, proxy=None) as client:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packer.compress(bytes(64 * MAX_MESSAGE_BYTES)) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert len(bomb) < MAX_MESSAGE_BYTES
        head = bytes((0x80 | 0x40 | 0x2, 0x80 | 127)) + len(bomb).to_bytes(8, "big") + bytes(4)
        client.transport.write(head + bomb.removesuffix(b"\x00\x00\xff\xff"))
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.FRAME_TOO_LARGE
        assert closed.value.rcvd.reason.startswith("stop: ")


def references_to_the_only_connection(served: ServedLounge) -> list["weakref.ref[object]"]:
    """Weak references to its parts. Its consumer has registered with the sink, so there are cycles."""
    visit = served.visit()
    served.call(lambda: visit.sink.when_writable(visit.left.clear))
    (protocol,) = served.server.server_state.connections
    assert isinstance(protocol, WebSocketProtocol)
    return [weakref.ref(each) for each in (protocol, protocol.conn, protocol.queue)]


async def test_a_closed_connection_is_freed_without_the_garbage_collector(served: ServedLounge) -> None:
    gc.collect()
    gc.disable()
    try:
        async with connect(served.url, proxy=None):
            kept = references_to_the_only_connection(served)
        await eventually(served.lounge.visits[0].left.is_set, WITHIN_SECONDS)
        served.lounge.visits.clear()
        await eventually(lambda: [each() for each in kept] == [None] * len(kept), WITHIN_SECONDS)
        assert [each for each in gc.get_objects() if type(each) is HttpProtocol] == []
    finally:
        gc.enable()


def test_the_sink_is_a_frame_sink() -> None:
    sink: FrameSink = ConnectionSink.__new__(ConnectionSink)
    assert {"writable", "write", "when_writable", "abort"} <= set(dir(sink))
