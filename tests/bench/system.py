"""Rows that run every process: `pipeline`, `pipeline_redis`, `latency`."""

import asyncio
import contextlib
import functools
import os
import statistics
import time
from collections import Counter
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection

from marketdata.units import NS_PER_MS
from tests.bench.listener import bare_limit
from tests.bench.pipeline import MIX, Pipeline, Window, board_updates, running_pipeline, window_between
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
PIPELINE_BUDGET: Final = 400_000
LATENCY_RATE: Final = 20_000
LATENCY_SAMPLES: Final = 5_000
LATENCY_SYMBOLS: Final = 200  # the most that one message may subscribe to
PUBLISH_INTERVAL_MS: Final = 250


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
    """Received by the listener to frame at the client, at 20,000 events/s, publish interval included."""
    samples = asyncio.run(_latencies())
    cuts = statistics.quantiles(samples, n=100)
    note = f"{len(samples):,} rows of {LATENCY_SYMBOLS} quote feeds, through RabbitMQ"
    limit_is = "the publish interval alone"
    return [
        duration_row(
            "latency_p50", cuts[49], PUBLISH_INTERVAL_MS / 2, budget=180, limit_is=limit_is, note=note
        ),
        duration_row(
            "latency_p99", cuts[98], PUBLISH_INTERVAL_MS * 0.99, budget=400, limit_is=limit_is, note=note
        ),
    ]


async def _latencies() -> list[float]:
    async with (
        running_pipeline("rabbitmq", events_per_second=LATENCY_RATE) as running,
        running.client() as socket,
    ):
        await asyncio.sleep(SETTLE_SECONDS)
        return await asyncio.wait_for(_received_ages(running, socket), timeout=120)


async def _received_ages(running: Pipeline, socket: ClientConnection) -> list[float]:
    """Milliseconds from the newest event of a row to the arrival of its frame, on this machine's one clock.

    `received_timestamp` is when the listener received the newest event that the row reflects.
    """
    symbols = await _traded_symbols(socket)
    await socket.send(_message("subscribe", [f"quote:{symbol}" for symbol in symbols]))
    position: dict[str, int] = {}
    known: dict[str, float] = {}
    ages: list[float] = []
    async for text in socket:
        now_ms = time.time_ns() / NS_PER_MS
        frame: dict[str, Any] = msgspec.json.decode(text)
        if not str(frame.get("feed", "")).startswith("quote:"):
            continue
        feed = frame["feed"]
        if frame["type"] == "snapshot":
            position[feed] = 1 + frame["columns"].index("received_timestamp")
        for row in frame["rows"]:
            received_ms = row[position[feed]]
            if frame["type"] == "delta" and received_ms != known.get(feed):
                ages.append(now_ms - received_ms)
            known[feed] = received_ms
        if len(ages) >= LATENCY_SAMPLES:
            return ages
    raise AssertionError("the server closed the connection")


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
