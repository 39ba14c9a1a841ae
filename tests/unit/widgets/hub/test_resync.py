"""An operator has feeds sent once more: to all who have them, as snapshots, a part with each walk."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from marketdata.schema.boards import TOP_GAINERS
from tests.support.deadlines import eventually, scaled
from tests.unit.widgets.hub.hub_rig import BOARD, QUOTE, HubRig, Reader
from widgets.hub import resync as resync_module
from widgets.hub.resync import Resynced

WITHIN_SECONDS = 10.0


async def done(work: Awaitable[Resynced], readers: Sequence[Reader]) -> Resynced:
    """The result, while the clients read on and time passes."""
    task = asyncio.ensure_future(work)

    def is_done() -> bool:
        for reader in readers:
            reader.read()
        return task.done()

    await eventually(is_done, WITHIN_SECONDS)
    return task.result()


def frames(reader: Reader) -> list[Any]:
    return [text.partition('"type":"')[2].partition('"')[0] for text in reader.texts]


async def with_data(rig: HubRig, *readers: Reader) -> None:
    rig.store({"AAPL": 1.0}, 1)
    rig.board(1.0, 1)
    rig.rows({"AAPL": 1.0}, 1)

    def all_have_data() -> bool:
        rig.clock.advance(0.25)
        return all(reader.read()[reader.feed.name].frames for reader in readers)

    await eventually(all_have_data, WITHIN_SECONDS)


async def test_all_clients_of_a_feed_get_a_snapshot_and_the_others_nothing(rig: HubRig) -> None:
    first, second, other = Reader(rig, BOARD), Reader(rig, BOARD), Reader(rig, QUOTE)
    await with_data(rig, first, second, other)
    for reader in (first, second, other):
        reader.texts.clear()
    rig.clock.advance(1.0)
    assert await done(rig.hub.resync(TOP_GAINERS), (first, second, other)) == Resynced(2, 2)
    for reader in (first, second):
        reader.read()
        assert frames(reader) == ["snapshot"]
        assert reader.copies[TOP_GAINERS].rows == {"AAPL": [1.0]}
    assert frames(other) == []


async def test_without_a_name_all_feeds_are_sent(rig: HubRig) -> None:
    board, quote = Reader(rig, BOARD), Reader(rig, QUOTE)
    await with_data(rig, board, quote)
    assert await done(rig.hub.resync(), (board, quote)) == Resynced(2, 2)
    for reader in (board, quote):
        reader.read()
        assert frames(reader)[-1] == "snapshot"


async def test_a_feed_that_nobody_has_is_sent_to_nobody_at_once(rig: HubRig) -> None:
    rig.attach()
    assert await rig.hub.resync(TOP_GAINERS) == Resynced(0, 0)


async def test_the_load_is_spread_over_walks_and_who_leaves_meanwhile_gets_nothing(
    rig: HubRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resync_module, "SUBSCRIPTIONS_PER_WALK", 2)
    readers = [Reader(rig, BOARD) for _ in range(7)]
    await with_data(rig, *readers)
    for reader in readers:
        reader.texts.clear()
    rig.clock.advance(1.0)
    task = asyncio.create_task(rig.hub.resync(TOP_GAINERS))
    await asyncio.sleep(0)
    waiting = [reader for reader in readers if len(reader.client.outbox)]
    assert len(waiting) == 2, "only the first part waits"
    leaver = next(reader for reader in readers if reader not in waiting)
    rig.hub.detach(leaver.client.outbox)
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        assert await task == Resynced(6, 6)
    stayed = [reader for reader in readers if reader is not leaver]
    await eventually(lambda: all(reader.read() and frames(reader) == ["snapshot"] for reader in stayed), 5)
    assert leaver.texts == []


async def test_clients_hold_the_same_as_before_and_go_on_with_changes(rig: HubRig) -> None:
    reader = Reader(rig, BOARD)
    await with_data(rig, reader)
    await done(rig.hub.resync(), (reader,))
    rig.board(2.0, 2)

    def follows() -> bool:
        rig.clock.advance(0.25)
        return reader.read()[TOP_GAINERS].rows == {"AAPL": [2.0]}

    await eventually(follows, WITHIN_SECONDS)
