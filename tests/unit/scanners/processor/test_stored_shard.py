"""One publication of a shard is one transaction, whose end says what has to be stored again."""

from typing import Final

import pytest

from marketdata.clock import SystemClock
from marketdata.errors import StoreUnavailable
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from marketdata.tapes import TapeWrites
from marketdata.transport.queues import QueueName
from scanners.processor.owner import StoredShard
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from scanners.tape import tapes
from tests.support.builders import aggregate_wire, batch, calendar_of, new_york_ms, trade_wire

SHARD: Final = 3
DAY: Final = "2026-11-23"
OPENS_MS: Final = new_york_ms(DAY, "09:30")


class MemoryPublisher(BlockPublisher):
    """Keeps what a cache was asked to store, in order."""

    def __init__(self) -> None:
        self.stored: list[ShardTick | TapeWrites] = []
        self.is_away = False
        self.refusals = 0

    async def publish_tick(self, shard: int, tick: ShardTick) -> bool:
        assert shard == SHARD
        self._keep(tick)
        self.refusals -= 1
        return self.refusals < 0

    async def store_tapes(self, writes: TapeWrites) -> None:
        self._keep(writes)

    def _keep(self, written: ShardTick | TapeWrites) -> None:
        if self.is_away:
            raise StoreUnavailable("away")
        self.stored.append(written)


class UnreadSnapshots(SnapshotReader):
    """A store of which nothing is read."""

    def __init__(self) -> None:
        """Without a server."""


class Published:
    """A shard with one bar and one trade, and the cache that it publishes into."""

    def __init__(self) -> None:
        self.publisher = MemoryPublisher()
        self.processor = ShardProcessor(
            SHARD, routes=routes(), calendar=calendar_of(DAY, "2026-11-24"), epoch=1
        )
        self._stored = StoredShard(
            SHARD,
            snapshots=UnreadSnapshots(),
            publisher=self.publisher,
            clock=SystemClock(),
        )
        self.processor.apply(
            [
                batch(QueueName.AGGREGATE, [aggregate_wire("A", start_ms=OPENS_MS)]),
                batch(QueueName.TRADES, [trade_wire("A", timestamp_ms=OPENS_MS)]),
            ]
        )

    async def publish(self) -> ShardTick:
        """Returns the newest tick that was stored."""
        await self._stored.publish(self.processor)
        tick = self.publisher.stored[-1]
        assert isinstance(tick, ShardTick)
        return tick


def due(tick: ShardTick) -> tuple[bool, bool, bool]:
    """Whether the tick stores all rows, private columns, and tapes."""
    assert tick.tapes is not None
    return tick.whole is not None, bool(tick.private_columns), bool(tick.tapes.writes)


ALL: Final = (True, True, True)
NOTHING: Final = (False, False, False)


async def test_what_a_tick_has_stored_is_not_stored_again() -> None:
    shard = Published()
    first, second = await shard.publish(), await shard.publish()
    assert shard.publisher.stored == [first, second]
    assert (due(first), due(second)) == (ALL, NOTHING)
    assert second.changed.tick == first.changed.tick + 1


async def test_after_a_cache_that_was_away_all_parts_are_stored_again() -> None:
    shard = Published()
    await shard.publish()
    shard.publisher.is_away = True
    with pytest.raises(StoreUnavailable):
        await shard.publish()
    shard.publisher.is_away = False
    assert due(await shard.publish()) == ALL
    assert due(await shard.publish()) == NOTHING


async def test_a_cache_that_lost_a_part_is_given_all_of_them_at_once() -> None:
    shard = Published()
    await shard.publish()
    shard.publisher.refusals = 1
    assert due(await shard.publish()) == ALL, "before anything is acknowledged"
    assert len(shard.publisher.stored) == 3
    assert due(await shard.publish()) == NOTHING


async def test_a_cache_that_goes_on_losing_parts_is_given_them_with_each_tick() -> None:
    shard = Published()
    shard.publisher.refusals = 3
    await shard.publish()
    assert len(shard.publisher.stored) == 2, "a second time at once, and no third"
    assert due(await shard.publish()) == ALL
    assert due(await shard.publish()) == NOTHING


async def test_too_much_of_the_tapes_for_one_transaction_goes_ahead_of_the_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tapes, "PORTION_BYTES", 0)
    shard = Published()
    tick = await shard.publish()
    portion, last = shard.publisher.stored
    assert isinstance(portion, TapeWrites)
    assert portion.symbols == ["A"]
    assert last is tick
    assert due(tick) == (True, True, False)
