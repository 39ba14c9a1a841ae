"""The rows of all symbols: a client holds what the shards hold, through gaps, owners and late reads."""

from collections.abc import Callable

from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG
from tests.unit.widgets.hub.hub_rig import STORED, HubRig, Reader, quotes

ALL = CATALOG.chosen("quote:*", ["close"])
ONE, OTHER = STORED.shards


async def test_a_client_holds_the_rows_of_all_shards_once_all_were_read(rig: HubRig) -> None:
    rig.snapshots.shards[0] = quotes({"A": 1.0}, tick=3)
    reader = Reader(rig, ALL)
    await eventually(lambda: 1 in rig.snapshots.reads, 2.0)
    assert reader.read()[ALL.name].frames == 0
    rig.snapshots.shards[1] = quotes({"B": 2.0}, tick=9)
    rig.announcements.announce(OTHER, quotes({"B": 2.0}, tick=9))
    await eventually(holds(rig, reader, {"A": [1.0], "B": [2.0]}), 2.0)
    rig.announcements.announce(ONE, quotes({"A": 3.0, "C": 4.0}, tick=4))
    await eventually(holds(rig, reader, {"A": [3.0], "B": [2.0], "C": [4.0]}), 2.0)
    assert reader.copies[ALL.name].kinds == ["snapshot", "delta"]


async def test_missed_ticks_are_read_and_symbols_that_left_are_gone(rig: HubRig) -> None:
    reader = await with_both_shards(rig)
    rig.snapshots.shards[0] = quotes({"C": 5.0}, tick=3)
    rig.announcements.announce(ONE, quotes({}, tick=3))
    await eventually(holds(rig, reader, {"B": [2.0], "C": [5.0]}), 2.0)
    rig.snapshots.shards[0] = quotes({"C": 6.0, "D": 7.0}, tick=1, epoch=2)
    rig.announcements.announce(ONE, quotes({"C": 6.0}, tick=1, epoch=2))
    await eventually(holds(rig, reader, {"B": [2.0], "C": [6.0], "D": [7.0]}), 2.0)
    assert set(reader.copies[ALL.name].kinds[1:]) == {"delta"}


async def test_stored_rows_that_are_older_than_an_announcement_are_read_again(rig: HubRig) -> None:
    reader = await with_both_shards(rig)
    rig.announcements.announce(ONE, quotes({"A": 9.0}, tick=9))
    await eventually(lambda: rig.snapshots.reads.count(0) > 3, 2.0)
    assert reader.read()[ALL.name].rows == {"A": [1.0], "B": [2.0]}
    rig.snapshots.shards[0] = quotes({"A": 9.0}, tick=9)
    await eventually(holds(rig, reader, {"A": [9.0], "B": [2.0]}), 2.0)


async def test_after_a_reconnection_all_shards_are_read_again(rig: HubRig) -> None:
    reader = await with_both_shards(rig)
    rig.snapshots.shards[1] = quotes({"B": 8.0}, tick=5)
    rig.announcements.reconnect()
    await eventually(holds(rig, reader, {"A": [1.0], "B": [8.0]}), 2.0)


async def test_the_rows_are_held_only_while_somebody_subscribes(rig: HubRig) -> None:
    reader = await with_both_shards(rig)
    rig.hub.unsubscribe(reader.client.outbox, ALL)
    rig.snapshots.reads.clear()
    rig.announcements.announce(ONE, quotes({"A": 9.0}, tick=9))
    second = Reader(rig, CATALOG.feed("halts"))
    rig.announcements.announce("halts", row_block({}, tick=1))
    await eventually(lambda: second.read()["halts"].frames == 1, 2.0)
    assert not {0, 1} & set(rig.snapshots.reads)


async def with_both_shards(rig: HubRig) -> Reader:
    """A client that holds a row of each shard."""
    rig.snapshots.shards |= {0: quotes({"A": 1.0}, tick=1), 1: quotes({"B": 2.0}, tick=1)}
    reader = Reader(rig, ALL)
    await eventually(holds(rig, reader, {"A": [1.0], "B": [2.0]}), 2.0)
    return reader


def holds(rig: HubRig, reader: Reader, rows: dict[str, list[float]]) -> Callable[[], bool]:
    def condition() -> bool:
        rig.clock.advance(0.5)
        return reader.read()[ALL.name].rows == rows

    return condition
