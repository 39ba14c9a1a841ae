"""Feed names, and what each feed is made of."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marketdata.events import LONGEST_SYMBOL
from marketdata.reference.tickers import TickerType
from marketdata.schema.boards import ALL_BOARDS, HALTS
from marketdata.schema.stored import COLUMNS, SCHEMA
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of
from scanners.registry import routes, schema, streams, table_columns
from tests.support.feeds import CATALOG, feed_of
from widgets.consumers.version_1_feeds import ALL_ROWS_COLUMNS, feed_of_version_1
from widgets.hub.feeds import StoredFeeds, UnknownFeedError
from widgets.hub.feeds.stored import stream_parts
from widgets.protocol.v1 import LEADERBOARD_FIELDS, LEADERBOARDS

TRADE = ("trade_price", "trade_size", "trade_timestamp", "trade_sequence_number")
VIEWS = {view.feed: view.columns for view in SCHEMA.views}
ALERTS = {stream.feed: stream for stream in SCHEMA.streams if stream.feed}
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


def test_every_board_is_a_feed_with_the_columns_that_the_scanner_publishes() -> None:
    declared = schema(routes())
    for board in declared.boards:
        feed = feed_of(board.name)
        assert (feed.kind, feed.columns) == ("board", declared.board_columns(board))


def test_every_column_of_the_market_table_is_in_the_quote_or_internal() -> None:
    assert set(table_columns(routes())) == set(VIEWS["quote:{symbol}"]) | INTERNAL_COLUMNS


def test_alerts_show_what_their_streams_tell() -> None:
    assert {stream.name for stream in ALERTS.values()} <= set(streams(routes()))
    for name, stream in ALERTS.items():
        feed = feed_of(name)
        assert (feed.kind, feed.permission, feed.columns) == ("events", "alerts", stream.entry_columns)


@pytest.mark.parametrize("name", [name for name in CATALOG.names if "{" not in name])
def test_version_1_cuts_columns_only_where_its_page_says_so(name: str) -> None:
    columns = feed_of_version_1(CATALOG, name).columns
    if name == "quote:*":
        assert set(columns) == set(ALL_ROWS_COLUMNS)
    elif name.startswith(LEADERBOARDS):
        assert {"rank", "symbol", *columns} == {*LEADERBOARD_FIELDS, feed_of(name).columns[0]}
    else:
        assert columns == feed_of(name).columns


def test_every_leaderboard_is_stored_with_all_fields_that_version_1_sends() -> None:
    for board in SCHEMA.boards:
        if board.name.startswith(LEADERBOARDS):
            assert set(feed_of_version_1(CATALOG, board.name).columns) <= set(SCHEMA.stored_columns(board))


def test_halts_are_a_list_beside_their_board() -> None:
    assert ("halts" in ALERTS, HALTS in ALERTS) == (True, False)
    assert (feed_of(HALTS).kind, feed_of(HALTS).permission) == ("board", "boards")
    assert {"kind", "timestamp", "halt_reason", "last_price", "close"} < set(feed_of("halts").columns)


def test_the_feeds_of_ranges_and_halts_show_what_their_analyzers_declare() -> None:
    assert set(VIEWS["daily_range:{symbol}"]) > {"close", "day_high", "regular_low", "new_low_count"}
    assert set(VIEWS["halts:{symbol}"]) > {"is_halted", "band_high", "limit_state", "nasdaq_listed"}
    assert not INTERNAL_COLUMNS & {name for columns in VIEWS.values() for name in columns}


@pytest.mark.parametrize("symbol", STOCKS)
@pytest.mark.parametrize("pattern", VIEWS)
def test_symbols_of_every_kind_of_stock_keep_their_case_and_punctuation(pattern: str, symbol: str) -> None:
    feed = feed_of(pattern.format(symbol=symbol))
    assert (feed.kind, feed.symbol, feed.columns) == ("row", symbol, VIEWS[pattern])
    trades = feed_of(f"trades:{symbol}")
    assert (trades.kind, trades.symbol) == ("trades", symbol)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "quote:",
            "quote:A B",
            "quote:**",
            "trades:*",
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
    assert (feed.kind, feed.symbol, feed.columns) == ("trades", "BRK.B", TRADE)


@pytest.mark.parametrize("name", ["", "scanners:nope", "mdp:rows:0", "QUOTE:AAPL", "status ", "quote", ":A"])
def test_an_unknown_name_is_refused_with_the_list_of_feeds(name: str) -> None:
    with pytest.raises(UnknownFeedError) as refused:
        feed_of(name)
    assert all(known in str(refused.value) for known in (*ALL_BOARDS, *VIEWS, "trades:{symbol}", *ALERTS))


@given(st.text())
def test_any_name_is_a_short_feed_or_refused(name: str) -> None:
    try:
        feed = feed_of(name)
    except UnknownFeedError:
        return
    assert feed.name == name
    assert len(name) <= max(map(len, CATALOG.names)) + LONGEST_SYMBOL


@given(st.from_regex(r"quote:[A-Za-z0-9./+:^*=#$!@%~-]{1,40}", fullmatch=True))
def test_a_quote_has_its_own_symbol_or_none(name: str) -> None:
    assume(name != "quote:*")
    try:
        assert f"quote:{feed_of(name).symbol}" == name
    except UnknownFeedError:
        assert len(name) > len("quote:") + 32 or not name[6].isalnum()


def test_all_columns_of_feeds_are_described_once() -> None:
    feeds = [feed_of(name) for name in (*ALL_BOARDS, *ALERTS, "trades:A")]
    for columns in (*(feed.columns for feed in feeds), *VIEWS.values()):
        assert set(columns) <= set(COLUMNS)
        assert len(set(columns)) == len(columns)


def test_feeds_are_found_under_the_prefix_and_in_the_shard_of_their_symbol() -> None:
    stored = StoredFeeds(Keys("tenant:"), 4)
    assert set(stored.boards) == {f"tenant:{name}" for name in ALL_BOARDS}
    assert stored.rows_channel("AAPL") == f"tenant:mdp:rows:{shard_of('AAPL', 4)}"
    parts = stream_parts(stored)
    assert (len(stored.shards), len(parts)) == (4, 4 * len(ALERTS))
    assert {part.feed for part in parts.values() if part.shard == 3} == set(ALERTS)


def test_every_type_of_security_has_a_name() -> None:
    assert set(COLUMNS["ticker_type"].codes) == set(TickerType)
