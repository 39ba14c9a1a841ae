"""The load client tells the truth: whatever goes wrong between it and a server is in its report."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.load_client import Group, LoadClient, LoadClientError, build, handshake
from tests.integration.bench.scripted_server import (
    ACCEPTED,
    PACKING_ANSWER,
    PLAIN_ANSWER,
    Script,
    close,
    delta,
    frame,
    message,
    packed,
    sending,
    serving,
    snapshot,
)
from tests.support.deadlines import eventually

SOON_SECONDS = 10.0
SUBSCRIBE = b'{"type":"subscribe","feeds":["scanners:top_gainers"]}'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The load client, with the checks of the compiler for memory and undefined behaviour."""
    return build(tmp_path_factory.mktemp("load"), "-fsanitize=address,undefined", "-fno-sanitize-recover")


@contextlib.asynccontextmanager
async def connected(
    program: Path, script: Script, *, answer: bytes = PLAIN_ANSWER, clients: int = 1
) -> AsyncIterator[LoadClient]:
    """Clients of a group `all` that begin to connect to a scripted server."""
    async with serving(script, answer) as port:
        with LoadClient.running(program, port) as client:
            client.add_group("all", [handshake(port, [])], [SUBSCRIBE], feeds=1)
            client.connect("all", clients, per_second=1000)
            yield client


async def seen(client: LoadClient, condition: Callable[[Group], bool]) -> Group:
    """The report of the group when the condition is true."""

    def matching() -> Group | None:
        group = client.report().groups["all"]
        return group if condition(group) else None

    group = await eventually(matching, SOON_SECONDS)
    assert group is not None
    return group


async def outcome(program: Path, *parts: bytes, answer: bytes = PLAIN_ANSWER, end: bytes = b"") -> Group:
    """The report after a server has sent the parts and, to show that all were read, closed with 1001."""
    async with connected(program, sending(*parts, end or close(1001)), answer=answer) as client:
        return await seen(
            client, lambda group: bool(group.closes or group.cuts or group.failed or group.violations)
        )


async def test_clients_of_a_faithful_server_report_no_fault(program: Path) -> None:
    script = sending(snapshot(4), delta(4, 5), delta(5, 9), delta(9, 10))
    async with connected(program, script, clients=20) as client:
        group = await seen(client, lambda group: group.changes == 60)
        report = client.report()
    assert (group.open, group.ready, group.faults, group.first_fault) == (20, 20, 0, "")
    assert (group.least_changes, group.most_changes) == (3, 3)
    assert group.handshakes.count == group.subscriptions.count == 20
    assert report.distinct_messages == 4


async def test_latency_counts_from_the_market_time_of_a_change(program: Path) -> None:
    market_time_ms = time.time_ns() // 1_000_000 - 700
    async with connected(program, sending(snapshot(1), delta(1, 2, market_time_ms=market_time_ms))) as client:
        group = await seen(client, lambda group: group.changes == 1)
    spent_ms = time.time_ns() // 1_000_000 - market_time_ms + 1
    assert 700 <= group.latencies.p50_ms <= group.latencies.max_ms <= spent_ms


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([snapshot(1), delta(2, 3)], "seq 3 follows 2, but 1 is held"),
        ([snapshot(1), delta(1, 2), delta(1, 3)], "seq 3 follows 1, but 2 is held"),
        ([snapshot(1), delta(1, 2), delta(1, 2)], "seq 2 follows 1, but 2 is held"),
        ([snapshot(1), delta(1, 2, epoch="2")], "1 is held of another epoch"),
        ([delta(1, 2)], "seq 2 follows 1, but -1 is held"),
    ],
)
async def test_a_gap_is_reported(program: Path, parts: list[bytes], fault: str) -> None:
    group = await outcome(program, *parts)
    assert group.gaps == 1
    assert fault in group.first_fault


async def test_a_second_snapshot_is_reported(program: Path) -> None:
    group = await outcome(program, snapshot(1), snapshot(2))
    assert (group.repeated_snapshots, group.gaps) == (1, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"type":"delta"',
        b'{"type":"delta","feed":"f","epoch":"1","seq":1}',
        b'{"type":"snapshot","feed":"f","epoch":"1","seq":01}',
        b'{"type":"snapshot","feed":"f","seq":1}',
        b'{"type":"snapshot","feed":"f","epoch":"1","seq":1} x',
        b'{"type":"snapshot","feed":"f","epoch":"1","seq":1,"rows":[NaN]}',
        b'{"type":"snapshot","feed":"f","epoch":"1","seq":1,"rows":[1,]}',
        b'{"type":"snapshot","feed":"f\n","epoch":"1","seq":1}',
        b'{"type":"snapshot","feed":"\\x","epoch":"1","seq":1}',
        b'{"type":"snapshot","rows":' + 100 * b"[" + 100 * b"]" + b"}",
        b'{"seq":1}',
    ],
)
async def test_a_corrupt_message_is_reported(program: Path, body: bytes) -> None:
    assert (await outcome(program, frame(body))).corrupt == 1


async def test_a_packed_message_is_read_and_each_changed_byte_is_found(program: Path) -> None:
    whole = packed(message("snapshot", 1, rows=[["AAPL", index * 1.37] for index in range(60)]))
    good = await outcome(program, whole, answer=PACKING_ANSWER)
    assert (good.corrupt, good.gaps, good.frames) == (0, 0, 1)
    broken = bytearray(whole)
    broken[len(broken) // 2] ^= 0x55
    cut = frame(whole[4:-9], 0xC1)
    for bad in (bytes(broken), cut):
        assert (await outcome(program, bad, answer=PACKING_ANSWER)).corrupt == 1


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (frame(b"{", 0x01), "fragmented"),
        (frame(b"}", 0x80), "fragmented"),
        (b"\x81\x81abcd{", "masked"),
        (frame(b"{}", 0xA1), "reserved bit"),
        (frame(b"{}", 0x83), "reserved opcode"),
        (packed(snapshot(1)), "without permessage-deflate"),
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "above 2 MiB"),
        (frame(126 * b"x", 0x89), "long control frame"),
    ],
)
async def test_a_breach_of_the_websocket_protocol_is_reported(program: Path, bad: bytes, fault: str) -> None:
    group = await outcome(program, bad)
    assert (group.violations, group.open) == (1, 0)
    assert fault in group.first_fault


@pytest.mark.parametrize("code", [1001, 1012, 4408])
async def test_a_close_is_reported_with_its_code(program: Path, code: int) -> None:
    group = await outcome(program, snapshot(1), end=close(code))
    assert group.closes == {code: 1}


async def test_an_end_without_a_close_frame_is_reported(program: Path) -> None:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(snapshot(1))

    async with connected(program, script) as client:
        group = await seen(client, lambda group: group.cuts == 1)
    assert (group.open, group.ready, group.closes) == (0, 0, {})


async def test_an_error_of_the_server_is_reported(program: Path) -> None:
    body = b'{"type":"error","code":"unknown_feed","feed":"x","message":"there is no such feed"}'
    group = await outcome(program, frame(body))
    assert group.errors == 1
    assert "unknown_feed: there is no such feed" in group.first_fault


async def test_a_refused_handshake_is_reported_with_its_status(program: Path) -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with connected(program, sending(), answer=answer, clients=3) as client:
        group = await seen(client, lambda group: bool(group.refusals.get(403) == 3))
    assert group.open == 0


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "Sec-WebSocket-Accept"),
        (ACCEPTED + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "context takeover"),
    ],
)
async def test_an_answer_that_no_client_could_use_is_reported(
    program: Path, answer: bytes, fault: str
) -> None:
    async with connected(program, sending(), answer=answer) as client:
        group = await seen(client, lambda group: group.violations == 1)
    assert fault in group.first_fault


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 300])
async def test_frames_are_the_same_in_pieces_of_any_size(program: Path, piece_bytes: int) -> None:
    stream = snapshot(1, rows=[["A", 1]] * 40) + frame(b"?", 0x89) + delta(1, 2) + delta(2, 3) + close(1012)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(stream), piece_bytes):
            writer.write(stream[start : start + piece_bytes])
            await asyncio.sleep(0)
        await reader.read()

    async with connected(program, script) as client:
        group = await seen(client, lambda group: bool(group.closes))
    assert (group.frames, group.changes, group.bytes) == (3, 2, len(stream))
    assert (group.gaps, group.corrupt, group.violations) == (0, 0, 0)


async def test_a_client_that_is_served_less_than_the_others_is_seen(program: Path) -> None:
    served = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        writer.write(snapshot(1) + (b"" if served == 1 else delta(1, 2)))
        await reader.read()

    async with connected(program, script, clients=3) as client:
        group = await seen(client, lambda group: group.changes == 2)
    assert (group.least_changes, group.most_changes) == (0, 1)
    assert group.faults == 0


async def test_a_client_may_send_nothing_after_the_handshake(program: Path) -> None:
    async with serving(sending(close(1001))) as port:
        with LoadClient.running(program, port) as client:
            client.add_group("all", [handshake(port, [])], [], feeds=0)
            client.connect("all", 2, per_second=1000)
            group = await seen(client, lambda group: group.closes == {1001: 2})
    assert group.failed == 0


async def test_a_ping_of_the_server_is_answered(program: Path) -> None:
    answers: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6 + len(SUBSCRIBE))
        writer.write(frame(b"are you there", 0x89))
        head = await reader.readexactly(6)
        mask, masked = head[2:], await reader.readexactly(head[1] & 0x7F)
        answers.append(head[:1] + bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked)))
        writer.write(close(1000))
        await reader.read()

    async with connected(program, script) as client:
        await seen(client, lambda group: bool(group.closes))
    assert answers == [b"\x8aare you there"]


async def test_a_client_that_stalls_reads_nothing_until_it_reads_again(program: Path) -> None:
    more = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(snapshot(1))
        await more.wait()
        writer.write(delta(1, 2))
        await reader.read()

    async with connected(program, script) as client:
        await seen(client, lambda group: group.ready == 1)
        client.behave("all", "stall")
        more.set()
        before = client.report().groups["all"].bytes
        await asyncio.sleep(0.3)  # nothing may happen, however long
        assert client.report().groups["all"].bytes == before
        client.behave("all", "read")
        await seen(client, lambda group: group.changes == 1)


async def test_a_client_that_trickles_reads_byte_by_byte(program: Path) -> None:
    more = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(snapshot(1))
        await more.wait()
        writer.write(delta(1, 2))
        await reader.read()

    async with connected(program, script) as client:
        await seen(client, lambda group: group.ready == 1)
        client.behave("all", "trickle")
        client.begin_window()
        more.set()
        group = await seen(client, lambda group: group.bytes > 0)
        assert group.bytes < 5


async def test_a_client_that_floods_sends_thousands_of_messages(program: Path) -> None:
    received = 0

    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while data := await reader.read(65536):
            received += len(data)

    async with connected(program, script) as client:
        await seen(client, lambda group: group.open == 1)
        client.behave("all", "flood")
        await eventually(lambda: received > 100_000, SOON_SECONDS)


async def test_a_new_window_forgets_figures_and_keeps_faults(program: Path) -> None:
    async with connected(program, sending(snapshot(1), delta(5, 6))) as client:
        await seen(client, lambda group: group.changes == 1)
        client.begin_window()
        group = client.report().groups["all"]
    assert (group.changes, group.bytes, group.most_changes, group.handshakes.count) == (0, 0, 0, 0)
    assert (group.gaps, group.ready) == (1, 1)


async def test_a_command_that_cannot_be_obeyed_is_refused(program: Path) -> None:
    async with connected(program, sending()) as client:
        with pytest.raises(LoadClientError, match="no such group"):
            client.connect("nobody", 1, per_second=1)
