"""Rows that run every process: `pipeline`, `pipeline_redis`, `latency`."""

import asyncio
import contextlib
import functools
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection

from marketdata.units import NS_PER_MS
from tests.bench.crowd import subscriptions
from tests.bench.listener import bare_limit
from tests.bench.load_client import LoadClient, build, handshake
from tests.bench.load_client.requests import program_headers
from tests.bench.pipeline import (
    BOARDS,
    MIX,
    Pipeline,
    Window,
    board_updates,
    running_pipeline,
    window_between,
)
from tests.bench.rows import Row, duration_row, rate_row
from tests.bench.search import RateSearch

SUSTAINED_SECONDS: Final = 60
TRIAL_SECONDS: Final = 8
SEARCH_SECONDS: Final = 200  # no trial begins later; each takes about half a minute to start all processes
SETTLE_SECONDS: Final = 5
FIRST_RATE: Final = 400_000
LEAST_RATE: Final = 30_000
HELD_SHARE: Final = 0.97  # of the offered events that must have been processed
NEXT_ATTEMPT: Final = 0.9  # of a rate that held for some seconds and not for a minute
PIPELINE_BUDGET: Final = 1_000_000
LATENCY_RATE: Final = 20_000
LATENCY_SAMPLES: Final = 5_000
CROWD: Final = 500
CROWD_CONNECTS_PER_SECOND: Final = 100
CONNECTIONS_PER_USER: Final = 20
MASK_COLUMNS: Final = 30
LATENCY_SYMBOLS: Final = 200  # the most that one message may subscribe to
TICK_MS: Final = 50  # while there is room


def pipeline() -> Row:
    """Feed socket to WebSocket client through RabbitMQ: the highest rate held for a minute without a loss."""
    return _sustained("pipeline", "rabbitmq")


def pipeline_redis() -> Row:
    """The same through Redis lists."""
    return _sustained("pipeline_redis", "redis")


def _sustained(name: str, transport: str) -> Row:
    rate = best_rate(transport)
    lowest = min(PIPELINE_BUDGET, int(rate * NEXT_ATTEMPT))
    while True:
        window, frames = asyncio.run(_trial(transport, rate, SUSTAINED_SECONDS))
        if _held(window, rate) or rate == lowest:
            return _row(name, window, frames)
        print(f"    {transport} at {rate:,}/s: {_describe(window, frames)}", flush=True)
        rate = max(int(rate * NEXT_ATTEMPT), lowest)


@functools.cache
def best_rate(transport: str) -> int:
    """The highest rate in events per second that held for some seconds, in about four minutes of trials."""
    deadline = time.monotonic() + SEARCH_SECONDS
    search = RateSearch(FIRST_RATE)
    while (rate := search.next_rate()) is not None and time.monotonic() < deadline:
        window, frames = asyncio.run(_trial(transport, rate, TRIAL_SECONDS))
        held = _held(window, rate)
        print(
            f"    {transport} at {rate:,}/s {'held' if held else 'failed'}: {_describe(window, frames)}",
            flush=True,
        )
        if held:
            search.note_held(rate, _headroom(window))
        else:
            search.note_failed(rate)
    return search.best or LEAST_RATE


def _held(window: Window, rate: int) -> bool:
    return not window.total_lost and window.processed_per_second >= HELD_SHARE * rate


def _headroom(window: Window) -> float:
    """By what factor the busiest process, or all, could do more if each event went on costing as much."""
    shares = window.cpu_share.values()
    return min(1 / max(shares), _cores() / sum(shares))


async def _trial(transport: str, rate: int, seconds: int) -> tuple[Window, Counter[str]]:
    """One run of all processes at a rate; what happened in its steady part, and the frames a client got."""
    frames: Counter[str] = Counter()
    async with running_pipeline(transport, events_per_second=rate) as running, running.client() as socket:
        client = asyncio.create_task(board_updates(socket, frames))
        await asyncio.sleep(SETTLE_SECONDS)
        first = await running.observe()
        frames.clear()
        await asyncio.sleep(seconds)
        last = await running.observe()
        if client.done():
            client.result()
        client.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await client
    return window_between(first, last), frames


def _row(name: str, window: Window, frames: Counter[str]) -> Row:
    lossless = 0.0 if window.total_lost else window.processed_per_second
    return rate_row(
        name,
        lossless,
        bare_limit(),
        budget=PIPELINE_BUDGET,
        limit_is="one core's bare split and header decode",
        note=_describe(window, frames),
    )


def _describe(window: Window, frames: Counter[str]) -> str:
    shares = ", ".join(
        f"{name} {share:.0%}" for name, share in sorted(window.cpu_share.items(), key=lambda x: -x[1])
    )
    lost = "nothing lost" if not window.total_lost else f"LOST {dict(window.lost)}"
    boards = sum(frames.values()) / window.seconds
    return (
        f"{window.seconds:.0f} s, mix {MIX}, {window.received_per_second:,.0f}/s received, {lost}; "
        f"{boards:.1f} board frames/s at the client; share of a core: {shares}"
    )


def latency() -> list[Row]:
    """Received by the listener to frame at the client, at 20,000 events/s, the wait for the tick included."""
    return _latency_rows("latency", asyncio.run(_latencies(0)), "alone")


def latency_crowd() -> list[Row]:
    """The same while 500 other clients have three boards."""
    return _latency_rows("latency_crowd", asyncio.run(_latencies(CROWD)), f"beside {CROWD} clients of boards")


def _latency_rows(name: str, samples: list[float], circumstance: str) -> list[Row]:
    cuts = statistics.quantiles(samples, n=100)
    note = f"{len(samples):,} rows of {LATENCY_SYMBOLS} quote feeds, through RabbitMQ, {circumstance}"
    limit_is = "the wait for the tick alone"
    return [
        duration_row(f"{name}_p50", cuts[49], TICK_MS / 2, budget=70, limit_is=limit_is, note=note),
        duration_row(f"{name}_p99", cuts[98], TICK_MS * 0.99, budget=180, limit_is=limit_is, note=note),
    ]


async def _latencies(others: int) -> list[float]:
    users = 1 + -(-others // CONNECTIONS_PER_USER)
    async with (
        running_pipeline("rabbitmq", events_per_second=LATENCY_RATE, users=users) as running,
        running.client() as socket,
    ):
        with _crowd(running, others):
            await asyncio.sleep(SETTLE_SECONDS)
            return await asyncio.wait_for(_received_ages(running, socket), timeout=120)


@contextlib.contextmanager
def _crowd(running: Pipeline, clients: int) -> Iterator[None]:
    """Programs that have the boards meanwhile, and must be there in the end."""
    with tempfile.TemporaryDirectory(prefix="mdp-bench-") as folder:
        port = running.web_port
        with LoadClient.running(build(Path(folder)), port) as client:
            headers = [program_headers(token) for token in running.tokens[1:]] or [[]]
            requests = [handshake(port, each) for each in headers]
            client.add_group("crowd", requests, subscriptions(BOARDS), feeds=len(BOARDS))
            if clients:
                client.connect("crowd", clients, per_second=CROWD_CONNECTS_PER_SECOND)
            yield
            group = client.report().groups["crowd"]
            if group.ready < clients:
                raise AssertionError(f"{group.ready} of {clients} clients are there: {group.first_fault}")


async def _received_ages(running: Pipeline, socket: ClientConnection) -> list[float]:
    """Milliseconds from the newest event of a row to the arrival of its frame, on this machine's one clock.

    `received_timestamp` is when the listener received the newest event that the row reflects.
    """
    symbols = await _traded_symbols(socket)
    await socket.send(_message("subscribe", [f"quote:{symbol}" for symbol in symbols]))
    columns: dict[str, list[str]] = {}
    known: dict[str, float] = {}
    ages: list[float] = []
    async for text in socket:
        now_ms = time.time_ns() / NS_PER_MS
        frame: dict[str, Any] = msgspec.json.decode(text)
        if not str(frame.get("feed", "")).startswith("quote:") or frame["type"] not in {"snapshot", "delta"}:
            continue
        feed = frame["feed"]
        if frame["type"] == "snapshot":
            columns[feed] = frame["columns"]
        for received_ms in changed_values(frame, columns[feed], "received_timestamp"):
            if frame["type"] == "delta" and received_ms != known.get(feed):
                ages.append(now_ms - received_ms)
            known[feed] = received_ms
        if len(ages) >= LATENCY_SAMPLES:
            return ages
    raise AssertionError("the server closed the connection")


def changed_values(frame: Mapping[str, Any], columns: Sequence[str], name: str) -> Iterator[Any]:
    """The values of one column in a frame: of its whole rows, and of its changed cells (docs/protocol.md)."""
    column = columns.index(name)
    for row in frame["rows"]:
        yield row[1 + column]
    mask_count = -(-len(columns) // MASK_COLUMNS)
    for entry in frame.get("cells", ()):
        masks, values = entry[1 : 1 + mask_count], iter(entry[1 + mask_count :])
        for index in range(len(columns)):
            if masks[index // MASK_COLUMNS] >> index % MASK_COLUMNS & 1:
                value = next(values)
                if index == column:
                    yield value


async def _traded_symbols(socket: ClientConnection) -> list[str]:
    """The symbols that trade most: the head of the volume board."""
    await socket.send(_message("subscribe", ["scanners:top_volume"]))
    async for text in socket:
        frame: dict[str, Any] = msgspec.json.decode(text)
        if frame.get("feed") == "scanners:top_volume" and len(frame["rows"]) >= LATENCY_SYMBOLS:
            await socket.send(_message("unsubscribe", ["scanners:top_volume"]))
            return [row[0] for row in frame["rows"][:LATENCY_SYMBOLS]]
    raise AssertionError("the server closed the connection")


def _message(kind: str, feeds: list[str]) -> str:
    return msgspec.json.encode({"type": kind, "feeds": feeds}).decode()


def _cores() -> int:
    return len(os.sched_getaffinity(0))
