"""`python -m tests.bench.bare_fanout HZ BYTES`: the least that sends a frame to each client.

Nothing but uvloop: it answers each handshake, then writes one frame of some bytes to each socket and tick. So
it shows what the machine and the load client can do at best. It prints its port.
"""

import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from marketdata.runtime.processes import ending_with_parent
from mdp_site.dev.demo.plan import ROOT
from tests.bench.cores import pin, web_and_client_core
from tests.bench.load_client import LoadClient, build, handshake
from widgets.wire import PreparedFrame

SECONDS: Final = 15
CONNECTS_PER_SECOND: Final = 2_000
LONGEST_CONNECT_SECONDS: Final = 60
POLL_SECONDS: Final = 0.25
BACKLOG: Final = 4_096
ANSWER: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class _Receiver(asyncio.Protocol):
    """One connection: it gets a snapshot with the handshake, and then each tick's frame."""

    def __init__(self, receivers: "dict[_Receiver, asyncio.Transport]", bare: "_Ticks") -> None:
        self._receivers = receivers
        self._ticks = bare

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET "):
            self._transport.write(ANSWER + self._ticks.snapshot())
            self._receivers[self] = self._transport

    def connection_lost(self, _error: Exception | None) -> None:
        self._receivers.pop(self, None)


class _Ticks:
    """Frames whose positions follow each other."""

    def __init__(self, size: int) -> None:
        self._filling = "x" * size
        self._seq = 1

    def snapshot(self) -> bytes:
        return self._frame("snapshot", {})

    def next(self) -> bytes:
        self._seq += 1
        more = {"prev": self._seq - 1, "market_time_ms": time.time_ns() // 1_000_000}
        return self._frame("delta", more | {"filling": self._filling})

    def _frame(self, kind: str, more: dict[str, object]) -> bytes:
        usual: dict[str, object] = {"type": kind, "feed": "bare", "epoch": "1", "seq": self._seq}
        return PreparedFrame(msgspec.json.encode(usual | more).decode()).plain()


async def _serve(hz: float, size: int) -> None:
    receivers: dict[_Receiver, asyncio.Transport] = {}
    ticks = _Ticks(size)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Receiver(receivers, ticks), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    started = time.monotonic()
    for tick in itertools.count(1):
        frame = ticks.next()
        for transport in list(receivers.values()):
            transport.write(frame)
        await asyncio.sleep(max(0.0, started + tick / hz - time.monotonic()))


def bare_p99_ms(clients: int, hz: float, size: int) -> float:
    """p99 in ms when a bare loop sends a frame of `size` bytes to each client and tick."""
    web_core, client_core = web_and_client_core()
    command = [sys.executable, "-m", "tests.bench.bare_fanout", str(hz), str(size)]
    with (
        tempfile.TemporaryDirectory(prefix="mdp-bare-") as folder,
        subprocess.Popen(ending_with_parent(command), cwd=ROOT, stdout=subprocess.PIPE) as server,
    ):
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            pin(server.pid, web_core)
            with LoadClient.running(build(Path(folder)), port, core=client_core) as client:
                client.add_group("bare", [handshake(port, [])], [], feeds=1)
                client.connect("bare", clients, per_second=CONNECTS_PER_SECOND)
                _until_ready(client, clients)
                client.begin_window()
                time.sleep(SECONDS)
                return client.report().groups["bare"].latencies.p99_ms
        finally:
            server.kill()


def _until_ready(client: LoadClient, clients: int) -> None:
    deadline = time.monotonic() + LONGEST_CONNECT_SECONDS
    while (group := client.report().groups["bare"]).ready < clients:
        if time.monotonic() > deadline:
            raise AssertionError(f"{group.ready} of {clients} bare connections; {group.first_fault}")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    uvloop.run(_serve(float(sys.argv[1]), int(sys.argv[2])))
