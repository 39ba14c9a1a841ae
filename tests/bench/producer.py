"""`python -m tests.bench.producer REDIS_URL boards|quotes HZ`: publishes market data until it is ended.

`boards`: three boards of 500 rows that move. `quotes`: the rows of 250 symbols, all of which change with each
tick. In both cases all other boards and the rows of the only shard are announced, too, as the platform does.
The market time of each block is when its tick began, so a client knows how old it is.
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from marketdata.payloads import RowBlock
from marketdata.schema.boards import ALL_BOARDS, TOP_GAINERS, TOP_GAPPERS, TOP_VOLUME
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.units import NS_PER_MS
from tests.bench.moving_board import MovingBoard, Numbers

FEEDS: Final = (TOP_GAINERS, TOP_GAPPERS, TOP_VOLUME)
QUOTES: Final = tuple(f"Q{number:03d}" for number in range(250))
SHARD: Final = 0
SEED: Final = 11

Content = tuple[tuple[str, ...], Mapping[str, Numbers]]
NOTHING: Final[Content] = ((), {})


class Producer:
    """Publishes each tick of the market as processors and scanner do."""

    def __init__(self, publisher: BlockPublisher, kind: str) -> None:
        self._publisher = publisher
        self._boards = [MovingBoard(feed, SEED) for feed in FEEDS] if kind == "boards" else []
        self._rows = kind == "quotes"
        self._random = np.random.default_rng(SEED)
        self._prices = np.round(self._random.lognormal(3, 1, len(QUOTES)), 2) + 5
        self._volumes = np.zeros(len(QUOTES))
        self._epoch = time.time_ns()
        self._tick = 0

    async def publish(self, seconds: float) -> None:
        """Let the market go on for some time, and publish it."""
        boards = dict(zip(FEEDS, (board.advance(seconds) for board in self._boards), strict=False))
        rows = self._quotes() if self._rows else NOTHING
        self._tick += 1
        stamp = self._stamp()
        for feed in ALL_BOARDS:
            block = _block(feed, boards.get(feed, NOTHING), stamp)
            await self._publisher.publish_board(feed, block, {})
        block = _block(f"shard:{SHARD}", rows, stamp)
        await self._publisher.publish_tick(SHARD, ShardTick(whole=block, changed=block))

    def _quotes(self) -> Content:
        self._prices = np.round(self._prices + self._random.choice([-0.01, 0.01], len(QUOTES)), 2)
        self._volumes += self._random.integers(1, 500, len(QUOTES))
        return QUOTES, {"close": self._prices, "accumulated_volume": self._volumes}

    def _stamp(self) -> dict[str, Any]:
        now_ns = time.time_ns()
        return {
            "epoch": self._epoch, "tick": self._tick, "published_ns": now_ns, "received_ns": now_ns,
            "market_time_ms": now_ns // NS_PER_MS,
        }  # fmt: skip


def _block(producer: str, content: Content, stamp: Mapping[str, Any]) -> RowBlock:
    symbols, columns = content
    return RowBlock(producer=producer, symbols=symbols, columns=columns, **stamp)


async def _produce(redis_url: str, kind: str, hz: float) -> None:
    redis = connect(redis_url)
    producer = Producer(BlockPublisher(redis, Keys()), kind)
    started = time.monotonic()
    for tick in itertools.count(1):
        await producer.publish(1 / hz)
        if tick == 1:
            print("publishing", flush=True)
        await asyncio.sleep(max(0.0, started + tick / hz - time.monotonic()))


def main(arguments: list[str]) -> None:
    """Publish until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.producer")
    parser.add_argument("redis_url")
    parser.add_argument("kind", choices=("boards", "quotes"))
    parser.add_argument("hz", type=float)
    options = parser.parse_args(arguments)
    asyncio.run(_produce(options.redis_url, options.kind, options.hz))


if __name__ == "__main__":
    main(sys.argv[1:])
