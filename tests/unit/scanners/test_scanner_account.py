"""All news of the scanner is accounted for, in the real service, at any moment and after any gap."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.errors import StoreUnavailable
from marketdata.payloads import RowBlock
from marketdata.runtime.leadership import UncontestedLease
from marketdata.store.announcements import Announcement, MissedAnnouncements, News
from marketdata.store.keys import Keys
from scanners.scanner import Scanner
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

KEYS = Keys()
SHARDS = 2


def block(shard: int, epoch: int, tick: int) -> RowBlock:
    """A tick of a shard with one row."""
    return RowBlock(
        producer=f"shard:{shard}",
        epoch=epoch,
        tick=tick,
        published_ns=1,
        received_ns=1,
        market_time_ms=1,
        symbols=(f"S{shard}",),
        columns={"price": np.array([1.0])},
    )


class Cache:
    """Announces ticks, and may lose some, be away, or come back."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[News] = asyncio.Queue()
        self.ticks = dict.fromkeys(range(SHARDS), 0)
        self.epochs = dict.fromkeys(range(SHARDS), 1)
        self.is_away = False

    def do(self, step: str, shard: int) -> None:
        """One thing that happens to a shard or to the connection."""
        if step == "reconnect":
            self.news.put_nowait(MissedAnnouncements())
        elif step == "away":
            self.is_away = not self.is_away
        elif step == "take over":
            self.epochs[shard] += 1
            self.ticks[shard] = 0
        else:
            self.ticks[shard] += 0 if step == "again" else 1
        if step in {"tick", "again"}:
            announced = block(shard, self.epochs[shard], max(1, self.ticks[shard]))
            self.news.put_nowait(Announcement(KEYS.rows(shard), announced))

    async def __aiter__(self) -> AsyncIterator[News]:
        while True:
            yield await self.news.get()

    async def rows(self, shard: int) -> RowBlock:
        await asyncio.sleep(0.001)
        if self.is_away:
            raise StoreUnavailable("refused")
        return block(shard, self.epochs[shard], max(1, self.ticks[shard]))

    async def publish_board(self, *_arguments: Any) -> None:
        await asyncio.sleep(0.001)
        if self.is_away:
            raise StoreUnavailable("refused")


Step = tuple[str, int, float]
STEPS = ("tick", "tick", "tick", "again", "lose", "reconnect", "away", "take over")


async def follow(steps: Sequence[Step]) -> None:
    cache: Any = Cache()
    scanner = Scanner(
        lease=UncontestedLease(),
        rows_news=cache,
        snapshots=cache,
        publisher=cache,
        keys=KEYS,
        shard_count=SHARDS,
        clock=VirtualClock(),
    )
    stopping = asyncio.Event()
    task = asyncio.create_task(scanner.run(stopping))
    for step, shard, pause_seconds in steps:
        cache.do(step, shard)
        await asyncio.sleep(pause_seconds)
        (book,) = scanner.status().books
        assert book.unaccounted == 0, book
    stopping.set()
    with contextlib.suppress(StoreUnavailable):
        await task
    (book,) = scanner.status().books
    assert (book.unaccounted, book.waiting) == (0, 0)
    assert book.received + cache.news.qsize() == sum(
        step in {"tick", "again", "reconnect"} for step, *_ in steps
    )


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, SHARDS - 1), st.sampled_from((0.0, 0.01, 0.3))),
        max_size=25,
    )
)
def test_the_books_of_the_scanner_close_after_any_course_of_events(steps: Sequence[Step]) -> None:
    run_in_virtual_time(follow(steps))
