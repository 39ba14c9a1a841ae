"""A client that comes back is sent what it missed, or a snapshot, and ends with the server's state."""

import functools
import weakref
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.schema.boards import TOP_GAINERS, TOP_LOSERS
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG, feed_of
from tests.support.manual_clock import ManualClock
from tests.support.reference_client import FeedCopy
from tests.unit.widgets.fakes import text_of
from tests.unit.widgets.hub.hub_rig import BOARD, QUOTE, TRADES, HubRig, Reader, quotes
from widgets.hub.feeds.rows import TableStream, select_rows
from widgets.hub.feeds.stream import (
    MOST_KEPT_LONGER_OF_FEED,
    RESUME_SECONDS,
    KeptLonger,
    RecentEmissions,
)
from widgets.protocol import VERSION_2, EmissionFrames, EmittedRows, FeedAppend, FeedPosition


async def published(rig: HubRig, reader: Reader, close: float, tick: int) -> None:
    """Publish a board of many symbols, and have the reader hold it."""
    rig.clock.advance(0.25)
    closes = {"AAPL": close} | {f"S{index}": 1.0 for index in range(100)}
    rig.announcements.announce(TOP_GAINERS, quotes(closes, tick))
    await eventually(lambda: reader.read()[TOP_GAINERS].rows.get("AAPL") == [close], 2.0)


async def test_a_client_that_comes_back_is_sent_the_very_frames_that_it_missed(rig: HubRig) -> None:
    stays, leaves = Reader(rig, BOARD), Reader(rig, BOARD)
    await published(rig, stays, 1.0, tick=1)
    leaves.read()
    before = len(stays.texts)
    rig.hub.detach(leaves.client.outbox)
    for tick in (2, 3, 5):
        await published(rig, stays, float(tick), tick)
    back = leaves.come_back(rig)
    copy = back.read()[TOP_GAINERS]
    assert copy.kinds == ["snapshot", "delta", "delta", "delta", "resumed"]
    assert copy.table == stays.copies[TOP_GAINERS].table
    assert [id(text) for text in back.texts[:-1]] == [id(text) for text in stays.texts[before:]]
    await published(rig, stays, 9.0, tick=6)
    assert back.read()[TOP_GAINERS].rows["AAPL"] == [9.0]


async def test_a_client_resumes_in_a_process_where_nobody_had_its_board(rig: HubRig) -> None:
    elsewhere = HubRig()
    lost, witness = Reader(elsewhere, BOARD), Reader(rig, feed_of(TOP_LOSERS))
    for tick in (1, 2, 3):
        if tick == 1:
            await published(elsewhere, lost, 1.0, tick)
        rig.clock.advance(0.25)
        closes = {"AAPL": float(tick)} | {f"S{index}": 1.0 for index in range(100)}
        rig.announcements.announce(TOP_GAINERS, quotes(closes, tick))
        rig.announcements.announce(TOP_LOSERS, quotes({"XYZ": float(tick)}, tick))
        await eventually(witness.has_read(tick), 2.0)
    copy = lost.come_back(rig).read()[TOP_GAINERS]
    assert (copy.kinds, copy.rows["AAPL"]) == (["snapshot", "delta", "delta", "resumed"], [3.0])
    await elsewhere.hub.stop()


def holds_quote(reader: Reader, close: float) -> bool:
    return reader.read()[QUOTE.name].rows == {"AAPL": [close]}


async def test_the_row_of_a_symbol_is_resumed_with_every_change_although_a_snapshot_is_shorter(
    rig: HubRig,
) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    stays, leaves = Reader(rig, QUOTE), Reader(rig, QUOTE)
    await eventually(functools.partial(holds_quote, stays, 1.0), 2.0)
    leaves.read()
    rig.hub.detach(leaves.client.outbox)
    for tick in range(2, 52):
        rig.clock.advance(0.5)
        rig.rows({"AAPL": float(tick)}, tick)
        await eventually(functools.partial(holds_quote, stays, float(tick)), 2.0)
    copy = leaves.come_back(rig).read()[QUOTE.name]
    assert copy.kinds == ["snapshot", *["delta"] * 50, "resumed"]
    assert copy.table == stays.copies[QUOTE.name].table


async def test_a_client_that_missed_nothing_is_only_told_so(rig: HubRig) -> None:
    stays, leaves = Reader(rig, BOARD), Reader(rig, BOARD)
    await published(rig, stays, 1.0, tick=1)
    leaves.read()
    assert leaves.come_back(rig).read()[TOP_GAINERS].kinds == ["snapshot", "resumed"]


async def test_a_client_that_comes_back_too_late_or_from_elsewhere_is_sent_a_snapshot(rig: HubRig) -> None:
    stays, late, other = Reader(rig, BOARD), Reader(rig, BOARD), Reader(rig, BOARD)
    await published(rig, stays, 1.0, tick=1)
    for reader in (late, other):
        reader.read()
    await published(rig, stays, 2.0, tick=2)
    other.copies[TOP_GAINERS].epoch = "another"
    rig.clock.advance(RESUME_SECONDS + 0.1)
    for reader in (late, other):
        copy = reader.come_back(rig).read()[TOP_GAINERS]
        assert copy.kinds == ["snapshot", "snapshot"]
        assert copy.table == stays.copies[TOP_GAINERS].table


async def test_another_choice_of_columns_cannot_be_resumed(rig: HubRig) -> None:
    """The same tick with other columns is another state."""
    usual = Reader(rig, BOARD)
    block = row_block({"AAPL": {"close": 1.0, "avg_volume": 5}}, tick=7)
    rig.announcements.announce(TOP_GAINERS, block)
    await eventually(lambda: usual.read()[TOP_GAINERS].frames == 1, 2.0)
    usual.feed = CATALOG.chosen(TOP_GAINERS, ["close"])
    copy = usual.come_back(rig).read()[TOP_GAINERS]
    assert (copy.kinds, copy.seq, copy.rows) == (["snapshot", "snapshot"], 7, {"AAPL": [1.0]})


async def test_trades_that_nobody_followed_meanwhile_begin_anew(rig: HubRig) -> None:
    """The stream of a process counts from 1 again, under another epoch."""
    reader = Reader(rig, TRADES)
    rig.rows({"AAPL": 1.0}, tick=1)
    await eventually(lambda: reader.read()[TRADES.name].frames == 1, 2.0)
    back = reader.come_back(rig)
    await eventually(lambda: back.read()[TRADES.name].kinds == ["snapshot", "snapshot"], 2.0)


def appended(seq: int, rows: int) -> EmissionFrames:
    at = FeedPosition("f", "9", seq, received_ns=1, market_time_ms=4, prev=seq - 1)
    emitted = EmittedRows(["A"] * rows, ("price",), (4,), np.zeros((rows, 1)))
    return EmissionFrames(FeedAppend(at, emitted), now_ns=5)


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 20)), max_size=40), st.integers(0, 41))
def test_what_is_kept_is_a_chain_of_bounded_age_and_size(
    history: list[tuple[int, float]], asked: int
) -> None:
    recent, now = RecentEmissions(), 0.0
    made = {}
    for seq, (rows, pause) in enumerate(history, 1):
        now += pause
        made[seq] = (appended(seq, rows), now)
        recent.add(made[seq][0], now_seconds=now, most_values=100)
    missed = recent.since(asked, now)
    wanted = range(asked + 1, len(history) + 1)
    if missed is None:
        too_old = not wanted or made[wanted[0]][1] < now - RESUME_SECONDS
        assert too_old or sum(2 * history[seq - 1][0] for seq in wanted) > 100
    else:
        assert [texts is made[seq][0] for texts, seq in zip(missed, wanted, strict=True)] == [True] * len(
            wanted
        )


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 40), st.floats(0, 20)), max_size=60),
    st.integers(1, 20),
)
def test_of_many_feeds_the_newest_emissions_are_kept_however_large_and_all_of_them_are_bounded(
    history: list[tuple[int, int, float]], most: int
) -> None:
    kept_longer, now, most_values = KeptLonger(most), 0.0, 100
    feeds = [RecentEmissions(kept_longer) for _ in range(3)]
    made: list[list[tuple[EmissionFrames, float, int]]] = [[], [], []]
    newest: list[tuple[int, int]] = []
    for feed, rows, pause in history:
        now += pause
        made[feed].append((appended(len(made[feed]) + 1, rows), now, 2 * rows))
        newest.append((feed, len(made[feed])))
        feeds[feed].add(made[feed][-1][0], now_seconds=now, most_values=most_values)
    for number, recent in enumerate(feeds):
        mine = made[number]
        named = [seq for feed, seq in newest[-most:] if feed == number]
        for asked in range(len(mine)):
            missed, wanted = recent.since(asked, now), mine[asked:]
            if missed is not None:
                assert [frames for frames, _at, _values in wanted] == missed
            is_young = wanted[0][1] >= now - RESUME_SECONDS
            is_kept = asked + 1 in named or sum(values for *_, values in wanted) <= most_values
            assert (missed is not None) == (is_young and is_kept)


def test_a_busy_row_has_as_many_emissions_as_its_rate_allows_and_a_closed_one_has_none() -> None:
    kept_longer = KeptLonger()
    recent = RecentEmissions(kept_longer)
    for seq in range(1, 1_001):
        recent.add(appended(seq, 1), now_seconds=0.0, most_values=1)
    assert len(recent.since(1_000 - MOST_KEPT_LONGER_OF_FEED, 0.0) or ()) == MOST_KEPT_LONGER_OF_FEED == 300
    assert recent.since(1_000 - MOST_KEPT_LONGER_OF_FEED - 1, 0.0) is None
    gone = weakref.ref(recent)
    del recent
    assert gone() is None


steps = st.lists(
    st.tuples(st.sampled_from(["tick", "tick", "leave", "back", "epoch", "refresh"]), st.integers(0, 5)),
    max_size=30,
)


@settings(max_examples=60)
@given(steps, st.sampled_from([None, 1, 4, 100]))
def test_whatever_happens_a_client_that_leaves_and_comes_back_holds_the_servers_state(
    history: list[tuple[str, int]], most_kept_longer: int | None
) -> None:
    """A stream with one client that is sent every emission while it is there, and asks for the rest later."""
    clock = ManualClock()
    kept_longer = None if most_kept_longer is None else KeptLonger(most_kept_longer)
    stream, copy = TableStream(feed_of(TOP_GAINERS), clock, kept_longer), FeedCopy()
    is_there, epoch, tick, columns = True, 1, 0, 20
    for what, number in history:
        clock.advance(0.25)
        if what == "leave":
            is_there = False
        elif what == "back" and copy.frames:
            is_there = True
            come_back(stream, copy)
        elif what == "refresh":
            stream.refresh()
        else:
            epoch, tick = (epoch + 1, 1) if what == "epoch" else (epoch, tick + 1)
            names = [f"S{(number * index) % 23}" for index in range(columns)]
            stream.offer(select_rows(quotes(dict.fromkeys(names, number), tick, epoch), stream.feed.columns))
        emission = stream.emit()
        if emission is None:
            continue
        if not emission.replaces:
            stream.keep(EmissionFrames(emission, clock.time_ns()))
        if is_there:
            copy.apply(text_of(emission, clock) or "")
    if copy.frames:
        come_back(stream, copy)
        assert copy.table == snapshot_of(stream).table


def come_back(stream: TableStream, copy: FeedCopy) -> None:
    missed = stream.since(copy.epoch, copy.seq)
    if missed is None:
        copy.apply(text_of(stream.snapshot()) or "")
    for frames in missed or ():
        for frame in frames[VERSION_2] or ():
            copy.apply(frame.payload)


def snapshot_of(stream: TableStream) -> Any:
    copy = FeedCopy()
    copy.apply(text_of(stream.snapshot()) or "")
    return copy
