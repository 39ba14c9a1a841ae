"""Feed names, and what each feed is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.store.keys import BOARDS, Keys
from marketdata.transport.queues import shard_of
from widgets.catalog import (
    BOARD_COLUMNS,
    BOARD_INFOS,
    COLUMNS,
    LONGEST_FEED_NAME,
    QUOTE_COLUMNS,
    FeedKind,
    StoredFeeds,
    UnknownFeedError,
    feed_of,
)


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_of_the_store_is_a_feed_with_a_label(name: str) -> None:
    assert feed_of(name).kind is FeedKind.BOARD
    assert BOARD_INFOS[name].label


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "KIMpL", "A", "X" * 32])
def test_symbols_keep_their_case_and_dots(symbol: str) -> None:
    feed = feed_of(f"quote:{symbol}")
    assert (feed.kind, feed.symbol) == (FeedKind.QUOTE, symbol)


@pytest.mark.parametrize("name", ["quote:", "quote:A B", "quote:*", "quote:" + "X" * 33, "quote:AAPL\n"])
def test_what_is_no_symbol_is_refused_with_what_is_accepted(name: str) -> None:
    with pytest.raises(UnknownFeedError, match="1 to 32 letters"):
        feed_of(name)


@pytest.mark.parametrize("name", ["", "scanners:nope", "mdp:rows:0", "QUOTE:AAPL", "status "])
def test_an_unknown_name_is_refused_with_the_list_of_feeds(name: str) -> None:
    with pytest.raises(UnknownFeedError) as refused:
        feed_of(name)
    assert all(board in str(refused.value) for board in BOARDS)


@given(st.text())
def test_any_name_is_a_short_feed_or_refused(name: str) -> None:
    try:
        feed = feed_of(name)
    except UnknownFeedError:
        return
    assert feed.name == name
    assert len(name) <= LONGEST_FEED_NAME


@given(st.from_regex(r"quote:[A-Za-z0-9./-]{1,40}", fullmatch=True))
def test_a_quote_has_its_own_symbol_or_none(name: str) -> None:
    try:
        assert f"quote:{feed_of(name).symbol}" == name
    except UnknownFeedError:
        assert len(name) > LONGEST_FEED_NAME or not name[6].isalnum()


def test_all_columns_of_feeds_are_described() -> None:
    assert set(BOARD_COLUMNS) | set(QUOTE_COLUMNS) <= set(COLUMNS)


def test_feeds_are_found_under_the_prefix_and_in_the_shard_of_their_symbol() -> None:
    stored = StoredFeeds(Keys("tenant:"), 4)
    board, quote = feed_of(BOARDS[0]), feed_of("quote:AAPL")
    assert stored.key(board) == f"tenant:{BOARDS[0]}"
    assert stored.key(quote) == f"tenant:mdp:rows:{shard_of('AAPL', 4)}"
    assert stored.key(feed_of("status")) == ""
    assert set(stored.channels) == set(stored.boards) | set(stored.shards)
    assert len(stored.channels) == len(BOARDS) + 4


def test_labels_of_channels_show_no_keys() -> None:
    labels = StoredFeeds(Keys("secret:"), 2).labels
    assert set(labels.values()) == {*BOARDS, "shard 0", "shard 1"}
