"""A hub that has too much to do: it sends the newest state, less often, and says how old it is."""

from collections.abc import Sequence

import msgspec

from marketdata.schema.boards import TOP_GAINERS
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG
from tests.support.reference_client import FeedCopy
from tests.unit.widgets.fakes import MemorySink, ReadingClient
from tests.unit.widgets.hub.hub_rig import BOARD, STORED, HubRig, quotes
from widgets.data_state import DataState
from widgets.hub.outbox import Outbox
from widgets.hub.switchboard import SNAPSHOT_SECONDS
from widgets.protocol import VERSION_2
from widgets.wire import PreparedFrame


async def test_announcements_that_wait_are_merged_before_anything_is_sent(rig: HubRig) -> None:
    rig.subscribe(BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    rig.clock.advance(5.0)
    rig.client.sink.frames.clear()
    for tick in range(2, 500):
        rig.board(float(tick), tick)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [499.0]}), 2.0)
    of_board = [frame for frame in rig.client.sink.frames if TOP_GAINERS in str(frame.payload)]
    assert len(of_board) == 1


async def test_clients_that_return_together_share_one_snapshot_until_it_is_too_old(rig: HubRig) -> None:
    rig.subscribe(BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)

    def snapshot() -> PreparedFrame:
        client = ReadingClient()
        rig.hub.attach(client.outbox)
        rig.hub.subscribe(client.outbox, BOARD)
        rig.hub.flush(client.outbox)
        return client.sink.frames[-1]

    rig.clock.advance(1.0)
    first = snapshot()
    rig.clock.advance(SNAPSHOT_SECONDS * 0.9)
    assert snapshot() is first
    rig.clock.advance(SNAPSHOT_SECONDS * 0.2)
    later = snapshot()
    assert later is not first
    assert msgspec.json.decode(later.payload)["age_ms"] > msgspec.json.decode(first.payload)["age_ms"]
    assert snapshot() is later
    rig.board(2.0, tick=2)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    copy = FeedCopy()
    copy.apply(str(snapshot().payload))
    assert copy.rows == {"AAPL": [2.0]}


async def test_data_is_stale_when_what_is_sent_is_old_although_new_data_comes_in(rig: HubRig) -> None:
    class SlowNetwork(MemorySink):
        """Each write to it takes as long as a walk over far too many connections."""

        walk_seconds = 0.0

        def write(self, frames: Sequence[PreparedFrame]) -> None:
            rig.clock.advance(self.walk_seconds)
            super().write(frames)

    network = SlowNetwork()
    outbox = Outbox(network, VERSION_2, lambda: None)
    rig.hub.attach(outbox)
    rig.hub.subscribe(outbox, BOARD)
    tick = 0

    def state() -> str:
        nonlocal tick
        tick += 1
        now_ns = rig.clock.time_ns()
        for channel in CATALOG.channels(STORED):
            block = msgspec.structs.replace(quotes({"AAPL": float(tick)}, tick), received_ns=now_ns)
            rig.announcements.announce(channel, block)
        return rig.data_state()

    def becomes_live() -> bool:
        rig.clock.advance(0.3)
        return state() == DataState.LIVE

    def told() -> set[str]:
        frames = [msgspec.json.decode(text) for text in network.read()]
        return {frame["state"] for frame in frames if frame["type"] == "status"}

    await eventually(becomes_live, 3.0)
    told()
    network.walk_seconds = 6.0
    await eventually(lambda: bool(state()) and told() - {"live"}, 6.0)
    network.walk_seconds = 0.0
    await eventually(becomes_live, 6.0)
