"""The hub between announcements and outboxes: joining, gaps, reconnection, defects, and the status."""

import json

import msgspec

from marketdata.schema.boards import TOP_GAINERS
from marketdata.transport.queues import shard_of
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG, feed_of
from tests.support.outboxes import waiting_frames
from tests.unit.widgets.fakes import (
    ReadingClient,
)
from tests.unit.widgets.hub.hub_rig import BOARD, QUOTE, SHARD, SHARDS, STORED, TRADES, HubRig, quotes
from widgets.data_state import DataState
from widgets.hub.feeds.stored import stream_parts
from widgets.protocol import VERSION_2


async def test_a_board_is_read_from_the_store_and_then_followed(rig: HubRig) -> None:
    rig.snapshots.boards[TOP_GAINERS] = quotes({"AAPL": 1.0}, tick=7)
    rig.subscribe(BOARD)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    rig.board(2.0, tick=8)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[TOP_GAINERS].snapshots == 1


async def test_every_subscriber_gets_the_very_same_frame(rig: HubRig) -> None:
    other = ReadingClient()
    rig.hub.attach(other.outbox)
    rig.subscribe(BOARD)
    rig.hub.subscribe(other.outbox, BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    rig.board(2.0, tick=2)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    mine, theirs = rig.client.sink.frames[-1], other.sink.frames[-1]
    assert json.loads(mine.payload)["type"] == "delta"
    assert mine is theirs


async def test_rows_announced_while_the_store_is_read_are_newer_than_what_it_held(
    rig: HubRig,
) -> None:
    """The race on purpose: the stored whole of tick 5 arrives after the announcement of tick 6."""
    rig.store({"AAPL": 5.0, "MSFT": 5.0}, tick=5)
    rig.snapshots.released.clear()
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.rows({"AAPL": 6.0}, tick=6)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [6.0]}), 2.0)
    rig.snapshots.released.set()
    rig.rows({"AAPL": 7.0}, tick=7)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [7.0]}), 2.0)


async def test_a_quote_that_joins_while_the_store_is_read_waits_for_a_read_of_its_own(
    rig: HubRig,
) -> None:
    """Tick 6 came before the second quote was watched, and the read of tick 5 does not contain it."""
    second = next(s for s in ("MSFT", "IBM", "KO", "GE") if shard_of(s, SHARDS) == SHARD)
    rig.store({"AAPL": 5.0, second: 5.0}, tick=5)
    rig.snapshots.released.clear()
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.rows({"AAPL": 6.0, second: 6.0}, tick=6)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [6.0]}), 2.0)
    rig.subscribe(feed_of(f"quote:{second}"))
    rig.store({"AAPL": 6.0, second: 6.0}, tick=6)
    rig.snapshots.released.set()
    await eventually(rig.holds(f"quote:{second}", {second: [6.0]}), 2.0)
    assert rig.copies[f"quote:{second}"].frames == 1, "a state from before it was watched went out first"


async def test_a_quote_never_shows_rows_that_are_older_than_what_was_announced(rig: HubRig) -> None:
    rig.subscribe(BOARD)
    rig.rows({"AAPL": 2.0}, tick=7)
    rig.board(2.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    rig.store({"AAPL": 1.0}, tick=5)  # the cache lost the newest changes
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.read()
    assert QUOTE.name not in rig.copies

    rig.store({"AAPL": 2.0}, tick=8)
    rig.rows({}, tick=8)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[QUOTE.name].frames == 1


async def test_many_quotes_of_a_shard_share_one_read(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.attach()
    await eventually(lambda: len(rig.snapshots.reads) >= len(STORED.boards) + len(stream_parts(STORED)), 2.0)
    rig.snapshots.reads.clear()
    symbols = [s for s in map("S{}".format, range(200)) if shard_of(s, SHARDS) == SHARD]
    for symbol in symbols:
        rig.subscribe(feed_of(f"quote:{symbol}"))
    await eventually(rig.holds(f"quote:{symbols[-1]}", {}), 2.0)
    assert rig.snapshots.reads == [SHARD]


async def test_a_gap_in_the_ticks_is_healed_from_the_store(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.subscribe(QUOTE)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    rig.store({"AAPL": 2.0, "MSFT": 3.0}, tick=3)
    rig.rows({"MSFT": 3.0}, tick=3)  # tick 2, with the change of AAPL, was missed
    await eventually(rig.holds(QUOTE.name, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[QUOTE.name].snapshots == 2


async def test_after_a_reconnection_everything_is_read_again_and_sent_whole(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.snapshots.boards[TOP_GAINERS] = quotes({"AAPL": 1.0}, tick=1)
    for feed in (QUOTE, BOARD):
        rig.subscribe(feed)
        await eventually(rig.holds(feed.name, {"AAPL": [1.0]}), 2.0)
    rig.store({"AAPL": 9.0}, tick=9)
    rig.snapshots.boards[TOP_GAINERS] = quotes({"AAPL": 9.0}, tick=9)
    rig.announcements.reconnect()
    for feed in (QUOTE, BOARD):
        await eventually(rig.holds(feed.name, {"AAPL": [9.0]}), 2.0)
        assert rig.copies[feed.name].snapshots == 2


async def test_a_symbol_that_left_its_shard_leaves_the_feed(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.subscribe(QUOTE)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    rig.store({}, tick=1, epoch=2)
    rig.rows({}, tick=1, epoch=2)
    await eventually(rig.holds(QUOTE.name, {}), 2.0)


async def test_a_quote_is_answered_once_the_store_has_its_shard(rig: HubRig) -> None:
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.read()
    assert QUOTE.name not in rig.copies
    rig.store({}, tick=1)
    rig.rows({}, tick=1)
    await eventually(rig.holds(QUOTE.name, {}), 2.0)


async def test_to_subscribe_to_the_status_asks_for_it_at_once_and_to_leave_it_ends_nothing(
    rig: HubRig,
) -> None:
    status = feed_of("status")
    rig.snapshots.away = rig.listener.away = True
    rig.attach()
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.read()
    seen = len(rig.statuses)
    rig.subscribe(status)
    rig.read()
    assert [sent["state"] for sent in rig.statuses[seen:]] == ["cache_away"]
    rig.hub.unsubscribe(rig.client.outbox, status)
    assert rig.hub.snapshot(status.name, VERSION_2) is None
    seen = len(rig.statuses)
    rig.clock.advance(6.0)

    def one_more_came() -> bool:
        rig.read()
        return len(rig.statuses) > seen

    await eventually(one_more_came, 3.0)


async def test_a_store_that_accepts_reads_and_does_not_answer_is_away(rig: HubRig) -> None:
    rig.listener.hangs = True
    rig.attach()
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.listener.hangs = False
    await eventually(lambda: rig.data_state() != DataState.CACHE_AWAY, 3.0)


async def test_a_store_that_answers_again_is_no_failure_where_only_tapes_are_read(
    rig: HubRig,
) -> None:
    rig.subscribe(TRADES)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.snapshots.away = True
    rig.rows({"AAPL": 1.0}, tick=1)
    rig.hub.detach(rig.client.outbox)
    rig.hub.attach(rig.client.outbox)
    rig.hub.subscribe(rig.client.outbox, TRADES)
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.snapshots.away = False
    await eventually(lambda: rig.data_state() != DataState.CACHE_AWAY, 3.0)


async def test_a_store_that_answers_with_foreign_bytes_is_not_away(rig: HubRig) -> None:
    rig.snapshots.away = True
    rig.subscribe(BOARD)
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.snapshots.unreadable.add(TOP_GAINERS)
    rig.snapshots.away = False
    await eventually(lambda: rig.data_state() != DataState.CACHE_AWAY, 3.0)


async def test_a_defect_is_survived_by_starting_over_with_snapshots(rig: HubRig) -> None:
    rig.subscribe(BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    rig.announcements.fail(LookupError("a defect"))
    await eventually(lambda: "a defect" in rig.hub.unready().get("hub", ""), 2.0)
    await eventually(lambda: rig.announcements.readers == 2, 5.0)
    assert rig.hub.unready() == {}
    rig.board(2.0, tick=2)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[TOP_GAINERS].snapshots == 2


async def test_a_client_that_leaves_gets_nothing_more_and_its_quotes_are_forgotten(
    rig: HubRig,
) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    for feed in (QUOTE, BOARD):
        rig.subscribe(feed)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    rig.hub.detach(rig.client.outbox)
    assert waiting_frames(rig.hub) == []
    assert rig.hub.snapshot(QUOTE.name, VERSION_2) is None
    other = ReadingClient()
    rig.hub.attach(other.outbox)
    rig.hub.subscribe(other.outbox, BOARD)
    rig.board(1.0, tick=1)
    await eventually(lambda: rig.hub.snapshot(TOP_GAINERS, VERSION_2) is not None, 2.0)
    assert len(rig.client.outbox) == 0


async def test_a_client_that_stalls_is_given_up(rig: HubRig) -> None:
    stalled = ReadingClient()
    stalled.sink.pause()
    rig.hub.attach(stalled.outbox)
    rig.subscribe(BOARD)
    rig.hub.subscribe(stalled.outbox, BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    assert stalled.given_up == 0
    rig.clock.advance(31.0)
    await eventually(lambda: stalled.given_up == 1, 3.0)
    assert len(stalled.outbox) == 0
    assert rig.client.given_up == 0


async def test_a_store_that_is_away_is_reported_and_leaves_the_process_ready(
    rig: HubRig,
) -> None:
    rig.snapshots.away = rig.listener.away = True
    rig.attach()

    def tick() -> None:
        for channel in CATALOG.channels(STORED):
            block = quotes({}, tick=rig.clock.time_ns())
            rig.announcements.announce(
                channel, msgspec.structs.replace(block, received_ns=rig.clock.time_ns())
            )

    def state() -> str:
        tick()
        rig.read()
        return rig.statuses[-1]["state"] if rig.statuses else ""

    await eventually(lambda: state() == "cache_away", 3.0)
    assert rig.hub.unready() == {}
    rig.snapshots.away = rig.listener.away = False
    await eventually(lambda: state() == "live", 5.0)
    rig.clock.advance(6)
    await eventually(lambda: rig.data_state() == "no_listener", 5.0)


async def test_a_listeners_record_of_another_version_counts_as_none(rig: HubRig) -> None:
    rig.listener.record = b'{"version": 99}'
    rig.attach()

    def state() -> str:
        rig.clock.advance(1)
        return rig.data_state()

    await eventually(lambda: state() == "no_listener", 3.0)
