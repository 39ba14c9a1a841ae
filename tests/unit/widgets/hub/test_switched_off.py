"""What operators switch off reaches every subscriber as a snapshot that says so, and so does the way back."""

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from marketdata.schema.boards import TOP_GAINERS
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG, feed_of
from tests.unit.widgets.hub.hub_rig import BOARD, QUOTE, ROWS, SHARD, STORED, TRADES, HubRig, quotes
from tests.unit.widgets.hub.test_tape import tape
from widgets.protocol import ColumnMarks

HIGHS = feed_of("daily_range_hod_alert")
ALL = CATALOG.chosen("quote:*", columns=["close", "volume"])
NONE: Mapping[str, int] = {}


def told(rig: HubRig, feed: str, off: list[str], partial: Mapping[str, int] = NONE) -> Callable[[], bool]:
    """A condition: the client, reading on, was told these columns."""

    def condition() -> bool:
        rig.clock.advance(0.25)
        rig.read()
        copy = rig.copies.get(feed)
        return copy is not None and (copy.off, copy.partial) == (off, partial)

    return condition


def announce_rows(rig: HubRig, tick: int, symbol: str = "AAPL", close: float = 1.0, **marks: object) -> None:
    """Store the rows of a shard, and announce a change of them."""
    block = msgspec.structs.replace(quotes({symbol: close}, tick), **marks)
    rig.snapshots.shards[SHARD] = block
    rig.announcements.announce(ROWS, block)


async def test_a_row_says_which_of_its_columns_are_off_and_since_when_others_count(rig: HubRig) -> None:
    rig.subscribe(QUOTE)
    announce_rows(rig, 1)
    await eventually(told(rig, QUOTE.name, []), 2.0)
    announce_rows(rig, 2, close=np.nan, off=("close", "day_high"))
    await eventually(told(rig, QUOTE.name, ["close"]), 2.0)
    assert rig.copies[QUOTE.name].rows == {"AAPL": [None]}
    announce_rows(rig, 3, close=2.0, partial={"close": 5})
    await eventually(told(rig, QUOTE.name, [], {"close": 5}), 2.0)
    announce_rows(rig, 4, close=2.0)
    await eventually(told(rig, QUOTE.name, []), 2.0)
    assert rig.copies[QUOTE.name].rows == {"AAPL": [2.0]}


async def test_a_symbol_without_a_row_learns_of_it_too(rig: HubRig) -> None:
    rig.subscribe(QUOTE)
    announce_rows(rig, 1, "OTHER")
    await eventually(told(rig, QUOTE.name, []), 2.0)
    announce_rows(rig, 2, "OTHER", off=("close",))
    await eventually(told(rig, QUOTE.name, ["close"]), 2.0)


async def test_an_unchanged_switch_sends_nothing_more(rig: HubRig) -> None:
    rig.subscribe(QUOTE)
    announce_rows(rig, 1, off=("volume",))
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    snapshots = rig.copies[QUOTE.name].snapshots
    announce_rows(rig, 2, close=3.0, off=("volume",))
    await eventually(rig.holds(QUOTE.name, {"AAPL": [3.0]}), 2.0)
    assert rig.copies[QUOTE.name].snapshots == snapshots


async def test_a_board_that_is_off_is_one_empty_snapshot(rig: HubRig) -> None:
    rig.subscribe(BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    for tick in (2, 3, 4):
        empty = msgspec.structs.replace(quotes({}, tick), columns={"close": np.empty(0)}, off=("close",))
        rig.announcements.announce(TOP_GAINERS, empty)
        await eventually(told(rig, TOP_GAINERS, ["close"]), 2.0)
    assert rig.copies[TOP_GAINERS].rows == {}
    assert rig.copies[TOP_GAINERS].snapshots == 2


async def test_the_rows_of_all_symbols_say_what_is_off_in_any_shard(rig: HubRig) -> None:
    for shard in STORED.shards.values():
        rig.snapshots.shards[shard] = quotes({f"S{shard}": 1.0}, tick=1)
    rig.subscribe(ALL)
    await eventually(lambda: told(rig, ALL.name, [])() and len(rig.copies[ALL.name].rows) == 2, 2.0)
    announce_rows(rig, 2, off=("volume",))
    await eventually(told(rig, ALL.name, ["volume"]), 2.0)


async def test_alerts_say_that_no_new_ones_come_and_keep_those_that_came(rig: HubRig) -> None:
    rig.subscribe(HIGHS)
    await eventually(told(rig, HIGHS.name, []), 2.0)
    announce_rows(rig, 1, off_streams=("daily_range_high",))
    await eventually(told(rig, HIGHS.name, list(HIGHS.columns)), 2.0)
    announce_rows(rig, 2, partial={"level": 7})
    await eventually(told(rig, HIGHS.name, [], {"level": 7}), 2.0)


async def test_a_tape_that_is_off_is_empty_whatever_is_stored(rig: HubRig) -> None:
    rig.snapshots.tapes_by_symbol["AAPL"] = tape((5, 1, 10.0, 100.0))
    rig.subscribe(TRADES)
    announce_rows(rig, 1)
    await eventually(lambda: told(rig, TRADES.name, [])() and rig.copies[TRADES.name].table != [], 2.0)
    announce_rows(rig, 2, off=("last_price",))
    await eventually(told(rig, TRADES.name, list(TRADES.columns)), 2.0)
    assert rig.copies[TRADES.name].table == []


def test_marks_are_those_of_the_chosen_columns_and_the_later_time_counts() -> None:
    marks = ColumnMarks(("a", "b"), {"c": 1, "d": 2})
    assert marks.picked(("d", "b")) == ColumnMarks(("b",), {"d": 2})
    assert marks.joined(ColumnMarks(("b", "e"), {"c": 3, "d": 1})) == ColumnMarks(
        ("a", "b", "e"), {"c": 3, "d": 2}
    )
