"""The columns and the rate that a client chooses: what is accepted, who shares a stream, and how many."""

import pytest

from marketdata.schema.boards import HALTS, TOP_GAINERS
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.hub.hub_rig import BOARD, QUOTE, ROWS, HubRig, Reader
from widgets.hub import TooManyChoicesError
from widgets.hub.feeds import BadChoiceError
from widgets.hub.feeds.feed import RATES_HZ, SYMBOL_TICK_HZ, TABLE_TICK_HZ
from widgets.hub.feeds.stream import FeedPace
from widgets.hub.switchboard import MOST_CHOICES


def test_columns_are_those_of_the_feed_in_its_order_however_they_were_asked_for() -> None:
    one = CATALOG.chosen("quote:AAPL", ["volume", "close", "volume"], 1)
    assert one == CATALOG.chosen("quote:AAPL", ["close", "volume"], 1.9)
    assert (set(one.columns), one.hz) == ({"close", "volume"}, 1)
    assert one.columns == tuple(name for name in QUOTE.columns if name in one.columns)
    assert one.choice == CATALOG.chosen("quote:MSFT", ["close", "volume"], 1).choice
    assert one.key != CATALOG.chosen("quote:MSFT", ["close", "volume"], 1).key


def test_all_columns_at_the_fastest_rate_are_the_feed_itself() -> None:
    assert CATALOG.chosen("quote:AAPL", QUOTE.columns, SYMBOL_TICK_HZ) == QUOTE
    assert (QUOTE.key, QUOTE.choice) == (QUOTE.name, "")


@pytest.mark.parametrize(
    ("asked", "given"), [(4, 4), (3.9, 2), (2, 2), (1, 1), (0.9, 0.5), (0.5, 0.5), (0.3, 0.2), (0.2, 0.2)]
)
def test_a_rate_is_the_nearest_that_is_not_faster(asked: float, given: float) -> None:
    assert CATALOG.chosen(TOP_GAINERS, None, asked).hz == given


@pytest.mark.parametrize(
    ("feed", "columns", "hz", "said"),
    [
        (TOP_GAINERS, ["close", "colour"], None, "no such column: colour; there are pct_change_since_open"),
        (TOP_GAINERS, list("abcde"), None, "no such column: a, b, c and 2 more; there are "),
        (TOP_GAINERS, [], None, "0 columns; accepted are 1 to "),
        (TOP_GAINERS, None, 5, "hz is 5; accepted is 0.2 to 4"),
        (TOP_GAINERS, None, 0, "hz is 0; accepted is 0.2 to 4"),
        (TOP_GAINERS, None, -1, "hz is -1; accepted is 0.2 to 4"),
        ("status", ["state"], None, "no such column: state; there are none"),
        ("quote:*", None, None, "choose 1 to 10 columns of "),
        ("quote:*", QUOTE.columns[:11], None, "11 columns; accepted are 1 to 10 of "),
    ],
)
def test_a_choice_that_a_feed_does_not_have_is_refused_with_those_that_it_has(
    feed: str, columns: list[str] | None, hz: float | None, said: str
) -> None:
    with pytest.raises(BadChoiceError) as refused:
        CATALOG.chosen(feed, columns, hz)
    assert str(refused.value).startswith(said)


def test_the_rows_of_all_symbols_are_at_most_ten_columns_once_a_second() -> None:
    for hz, given in ((None, 1), (4, 1), (0.5, 0.5)):
        assert CATALOG.chosen("quote:*", ["close"], hz).hz == given


@pytest.mark.parametrize(
    ("feed", "fastest"), [(TOP_GAINERS, 4), ("quote:AAPL", 10), ("trades:AAPL", 10), ("halts", 10)]
)
def test_rows_trades_and_alerts_are_sent_up_to_ten_times_a_second_and_tables_four_times(
    feed: str, fastest: float
) -> None:
    assert CATALOG.feed(feed).hz == CATALOG.chosen(feed, None, fastest).hz == fastest
    assert CATALOG.chosen(feed, None, 4).hz == 4
    with pytest.raises(BadChoiceError, match=f"hz is 10.1; accepted is 0.2 to {fastest}"):
        CATALOG.chosen(feed, None, 10.1)


@pytest.mark.parametrize("hz", [rate for rate in RATES_HZ if rate < TABLE_TICK_HZ])
def test_a_slow_feed_emits_the_first_tick_of_each_interval_so_that_processes_agree(hz: float) -> None:
    clock = ManualClock()  # at the begin of an interval of each rate
    emitted = []
    for start in range(3):
        # A process that starts in the middle of the history.
        pace = FeedPace(CATALOG.chosen(TOP_GAINERS, None, hz), clock)
        for tick in range(40):
            if pace.seconds_until_due() == 0:
                pace.note_emission()
                emitted.append((start, tick))
            clock.advance(0.25)
    starts = {(start, tick) for start in range(3) for tick in range(0, 40, round(4 / hz))}
    assert set(emitted) == starts


def test_a_tick_that_must_wait_is_due_when_the_next_interval_begins() -> None:
    clock = ManualClock()
    pace = FeedPace(CATALOG.chosen(TOP_GAINERS, None, 1), clock)
    pace.note_emission()
    clock.advance(0.25)
    assert pace.seconds_until_due() == pytest.approx(0.75)


async def test_a_board_with_chosen_columns_is_followed_beside_the_usual_one(rig: HubRig) -> None:
    chosen = CATALOG.chosen(TOP_GAINERS, ["avg_volume"], 1)
    rig.subscribe(BOARD)
    other = Reader(rig, chosen)
    for tick in range(1, 10):
        block = row_block({"AAPL": {"close": 1.0 * tick, "avg_volume": 10 * tick}}, tick=tick)
        rig.announcements.announce(TOP_GAINERS, block)
        await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0 * tick, 10 * tick]}), 2.0)
        other.read()
    copy = other.copies[TOP_GAINERS]
    assert (copy.columns, copy.hz) == (["avg_volume"], 1)
    assert copy.frames < rig.copies[TOP_GAINERS].frames == 9
    rig.clock.advance(1.0)
    rig.announcements.announce(TOP_GAINERS, row_block({"AAPL": {"avg_volume": 7}}, tick=10))
    await eventually(lambda: other.read()[TOP_GAINERS].rows == {"AAPL": [7]}, 2.0)


async def test_all_who_choose_the_same_get_the_very_same_text(rig: HubRig) -> None:
    chosen = CATALOG.chosen(TOP_GAINERS, ["close"])
    readers = [Reader(rig, chosen), Reader(rig, chosen)]
    for tick in (1, 2):
        rig.clock.advance(1.0)
        rig.board(1.0 * tick, tick)
        for reader in readers:
            await eventually(reader.has_read(tick), 2.0)
    assert readers[0].texts[-1] is readers[1].texts[-1]


async def test_a_choice_nobody_wants_any_more_frees_its_place(rig: HubRig) -> None:
    rig.attach()
    choices = [CATALOG.chosen("quote:AAPL", [name]) for name in QUOTE.columns[:MOST_CHOICES]]
    for feed in choices:
        rig.hub.subscribe(rig.client.outbox, feed)
    one_more = CATALOG.chosen("quote:AAPL", [QUOTE.columns[MOST_CHOICES]])
    with pytest.raises(TooManyChoicesError, match=f"already serves {MOST_CHOICES} choices"):
        rig.hub.subscribe(rig.client.outbox, one_more)
    rig.hub.subscribe(rig.client.outbox, QUOTE)
    rig.hub.subscribe(rig.client.outbox, CATALOG.chosen("quote:MSFT", QUOTE.columns[:1]))
    rig.hub.unsubscribe(rig.client.outbox, choices[3])
    rig.hub.subscribe(rig.client.outbox, one_more)


async def test_a_quote_with_chosen_columns_sends_nothing_when_others_change(rig: HubRig) -> None:
    quote = CATALOG.chosen("quote:AAPL", ["volume"])
    rig.subscribe(quote)
    for tick, (close, volume) in enumerate([(1.0, 5), (2.0, 5), (3.0, 6)], 1):
        block = row_block({"AAPL": {"close": close, "volume": volume}}, tick=tick)
        rig.announcements.announce(ROWS, block)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [6]}), 2.0)
    assert rig.copies[QUOTE.name].columns == ["volume"]


async def test_the_halts_of_all_symbols_are_the_board_of_halts(rig: HubRig) -> None:
    rig.subscribe(CATALOG.feed("halts:*"))
    rig.announcements.announce(HALTS, row_block({"XYZ": {"halt_timestamp": 5.0}}, tick=3))
    await eventually(rig.holds("halts:*", {"XYZ": [5]}), 2.0)
    assert rig.copies["halts:*"].seq == 3
