"""Feed names, and what each feed is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.reference.tickers import TickerType
from marketdata.store.keys import BOARDS, Keys
from marketdata.transport.queues import shard_of
from scanners import ranking
from scanners.registry import CIRCUMSTANCE_COLUMNS, routes, streams, table_columns
from scanners.scanner.market import BOARD_COLUMNS
from widgets.catalog import (
    ALERT_COLUMNS,
    ALERT_INFOS,
    BOARD_INFOS,
    COLUMNS,
    LONGEST_FEED_NAME,
    QUOTE_PATTERN,
    ROW_COLUMNS,
    TABLE_COLUMNS,
    TAPE_COLUMNS,
    TRADES_PATTERN,
    FeedKind,
    StoredFeeds,
    Unit,
    UnknownFeedError,
    feed_of,
)

STOCKS = (
    *("AAPL", "A", "ZVZZT", "X" * 32),
    *("BRK.A", "BRK.B", "BAC-B", "BACpB", "KIMpL", "WFC+", "WFC.WS", "BC/WS/A", "AAM=", "AAM.U", "GE#", "X^"),
    *("A:B", "A.A*", "BAC-A$", "S!", "P@", "C%", "NTEST~", "ALL-A*", "TFCpRw"),
)
"""Common stock, classes, preferreds, warrants, units, rights, when issued, in several conventions."""

INTERNAL_COLUMNS = {
    "session_open_price",  # what "since open" compares with until the official open is known
    "session_open_timestamp",
    "last_sequence_number",  # which of two trades or quotes of one millisecond is newer
    "quote_sequence_number",
    "band_sequence_number",
    "prev_day_short_sale_restricted",  # a part of what is shown as `short_sale_restricted`
    "snapshot_high",  # parts of what is shown as `day_high` and `day_low`
    "snapshot_low",
}
"""Columns of the market table that no trader looks at."""


def test_every_board_of_the_store_and_no_other_is_a_feed_with_a_label() -> None:
    assert set(BOARD_INFOS) == set(BOARDS)
    assert all(feed_of(name).kind is FeedKind.BOARD and info.label for name, info in BOARD_INFOS.items())


def test_every_column_of_the_market_table_is_shown_or_internal_and_no_other_is_promised() -> None:
    assert set(table_columns(routes())) == set(TABLE_COLUMNS) | INTERNAL_COLUMNS


@pytest.mark.parametrize("board", ranking.BOARDS, ids=lambda board: board.feed)
def test_a_board_shows_no_column_that_the_scanner_does_not_publish(board: ranking.Board) -> None:
    assert set(BOARD_INFOS[board.feed].columns) <= {*BOARD_COLUMNS, *board.further_columns}


def test_alerts_show_what_their_streams_tell() -> None:
    assert {alert.stream for alert in ALERT_INFOS.values()} <= set(streams(routes()))
    told = {"price", "level", "session", "start_timestamp", "end_timestamp", *CIRCUMSTANCE_COLUMNS}
    assert set(ALERT_COLUMNS) == told


@pytest.mark.parametrize("symbol", STOCKS)
@pytest.mark.parametrize("pattern", ROW_COLUMNS)
def test_symbols_of_every_kind_of_stock_keep_their_case_and_punctuation(pattern: str, symbol: str) -> None:
    feed = feed_of(pattern.format(symbol=symbol))
    assert (feed.kind, feed.symbol, feed.columns) == (FeedKind.ROW, symbol, ROW_COLUMNS[pattern])
    trades = feed_of(TRADES_PATTERN.format(symbol=symbol))
    assert (trades.kind, trades.symbol) == (FeedKind.TRADES, symbol)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "quote:",
            "quote:A B",
            "quote:*",
            "quote:.A",
            "quote:A\0",
            "quote:É",
            "quote:A<b>",
            "quote:A\u200b",
        ),
        *("quote:" + "X" * 33, "daily_range:AAPL\n", 'quote:A"', "quote:A,B"),
    ],
)
def test_what_is_no_symbol_is_refused_with_what_is_accepted(name: str) -> None:
    with pytest.raises(UnknownFeedError, match="1 to 32 letters"):
        feed_of(name)


def test_the_trades_of_a_symbol_are_a_feed() -> None:
    feed = feed_of("trades:BRK.B")
    assert (feed.kind, feed.symbol, feed.columns) == (FeedKind.TRADES, "BRK.B", TAPE_COLUMNS)


@pytest.mark.parametrize("name", ["", "scanners:nope", "mdp:rows:0", "QUOTE:AAPL", "status ", "quote", ":A"])
def test_an_unknown_name_is_refused_with_the_list_of_feeds(name: str) -> None:
    with pytest.raises(UnknownFeedError) as refused:
        feed_of(name)
    assert all(known in str(refused.value) for known in (*BOARDS, *ROW_COLUMNS, TRADES_PATTERN, *ALERT_INFOS))


@given(st.text())
def test_any_name_is_a_short_feed_or_refused(name: str) -> None:
    try:
        feed = feed_of(name)
    except UnknownFeedError:
        return
    assert feed.name == name
    assert len(name) <= LONGEST_FEED_NAME


@given(st.from_regex(r"quote:[A-Za-z0-9./+:^*=#$!@%~-]{1,40}", fullmatch=True))
def test_a_quote_has_its_own_symbol_or_none(name: str) -> None:
    try:
        assert f"quote:{feed_of(name).symbol}" == name
    except UnknownFeedError:
        assert len(name) > len("quote:") + 32 or not name[6].isalnum()


def test_all_columns_of_feeds_are_described_once() -> None:
    for columns in (*(board.columns for board in BOARD_INFOS.values()), *ROW_COLUMNS.values(), ALERT_COLUMNS):
        assert set(columns) <= set(COLUMNS)
        assert len(set(columns)) == len(columns)
    assert ROW_COLUMNS[QUOTE_PATTERN] == TABLE_COLUMNS


def test_codes_and_nothing_else_have_names() -> None:
    assert all((column.unit is Unit.CODE) == bool(column.names) for column in COLUMNS.values())


def test_feeds_are_found_under_the_prefix_and_in_the_shard_of_their_symbol() -> None:
    stored = StoredFeeds(Keys("tenant:"), 4)
    assert set(stored.boards) == {f"tenant:{name}" for name in BOARD_INFOS}
    assert stored.rows_channel(feed_of("daily_range:AAPL")) == f"tenant:mdp:rows:{shard_of('AAPL', 4)}"
    assert (len(stored.shards), len(stored.streams)) == (4, 4 * len(ALERT_INFOS))
    assert {stored.streams[channel].feed for channel in stored.streams_of(3)} == set(ALERT_INFOS)


def test_every_type_of_security_has_a_name() -> None:
    assert set(COLUMNS["ticker_type"].names) == set(TickerType)
