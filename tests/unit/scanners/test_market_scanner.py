"""The whole market's boards follow the shards' rows, and a missed tick is noticed."""

import pytest

from marketdata.schema import BOARDS
from marketdata.schema.boards import (
    ALL_BOARDS,
    HALTS,
    TOP_GAINERS,
    TOP_GAP_DOWNS,
    TOP_GAPPERS,
    TOP_LOSERS,
    TOP_TRADES,
    TOP_VOLUME,
)
from scanners.registry import routes, schema
from scanners.scanner.market import MarketScanner, Merge, RankedBoard
from tests.support.builders import row_block


def boards(market: MarketScanner) -> dict[str, RankedBoard]:
    return {board.feed: board for board in market.rank_boards(published_ns=9)}


def test_boards_rank_over_all_shards() -> None:
    market = MarketScanner(epoch=7)
    market.apply_whole(0, row_block({"A": {"accumulated_volume": 5.0, "pct_change": 1.0}}, received_ns=3))
    market.apply_whole(
        1, row_block({"B": {"accumulated_volume": 9.0}, "C": {"pct_change": 2.0}}, market_time_ms=4)
    )

    ranked = boards(market)

    assert ranked[TOP_VOLUME].block.symbols == ("B", "A")
    assert ranked[TOP_GAPPERS].block.symbols == ("C", "A")
    assert ranked[TOP_GAINERS].block.symbols == ()
    block = ranked[TOP_VOLUME].block
    assert ranked[TOP_VOLUME].scores == {"B": 9.0, "A": 5.0}
    assert (block.producer, block.epoch, block.tick) == (TOP_VOLUME, 7, 1)
    assert (block.published_ns, block.received_ns, block.market_time_ms) == (9, 3, 4)
    assert boards(market)[TOP_VOLUME].block.tick == 2


def test_a_board_publishes_the_columns_that_it_shows_or_carries_and_first_the_one_that_ranks_it() -> None:
    declared = schema(routes())
    ranked = boards(MarketScanner(epoch=1))
    for board in BOARDS:
        columns = tuple(ranked[board.name].block.columns)
        shown = declared.board_columns(board)
        assert columns[: len(shown)] == shown
        assert set(columns) == {*shown, *board.carries}
        assert shown[0] == board.ranked_by
        assert set(shown[1:]) == {
            column.name
            for column in declared.table
            if board.name in column.boards and column.name != board.ranked_by
        }


def test_each_board_has_its_own_end_of_its_own_column() -> None:
    market = MarketScanner(epoch=1)
    rows = {
        "UP": {"pct_change": 2.0, "pct_change_since_open": 0.5, "trades_per_minute": 0.0},
        "DOWN": {"pct_change": -3.0, "pct_change_since_open": -1.0, "trades_per_minute": 9.0},
        "HALTED": {"halt_timestamp": 7.0, "is_halted": 1.0, "trades_per_minute": 1.0},
        "EARLIER": {"halt_timestamp": 6.0, "is_halted": 0.0},
    }
    market.apply_whole(0, row_block(rows))

    ranked = boards(market)

    assert set(ranked) == set(ALL_BOARDS)
    assert ranked[TOP_LOSERS].block.symbols == ("DOWN", "UP")
    assert ranked[TOP_GAP_DOWNS].block.symbols == ("DOWN", "UP")
    assert ranked[TOP_TRADES].block.symbols == ("DOWN", "HALTED")
    assert ranked[HALTS].block.symbols == ("HALTED", "EARLIER")
    assert ranked[HALTS].block.columns["is_halted"].tolist() == [1.0, 0.0]


def test_changed_rows_are_merged_in_the_order_of_ticks() -> None:
    market = MarketScanner(epoch=1)
    market.apply_whole(0, row_block({"A": {"accumulated_volume": 5.0}}, tick=4))
    changed = row_block({"B": {"accumulated_volume": 6.0}}, tick=5)
    assert market.apply_changed(0, changed) is Merge.APPLIED
    assert market.apply_changed(0, changed) is Merge.KNOWN
    assert boards(market)[TOP_VOLUME].block.symbols == ("B", "A")


def test_a_gap_or_another_owner_asks_for_the_whole() -> None:
    market = MarketScanner(epoch=1)
    rows = {"A": {"accumulated_volume": 5.0}}
    assert market.apply_changed(0, row_block(rows, tick=1)) is Merge.GAP, "nothing is known yet"
    market.apply_whole(0, row_block(rows, tick=4))
    assert market.apply_changed(0, row_block(rows, tick=6)) is Merge.GAP
    assert market.apply_changed(0, row_block(rows, tick=5, epoch=2)) is Merge.GAP
    assert market.apply_changed(0, row_block(rows, tick=5)) is Merge.APPLIED


def test_rows_that_a_new_whole_does_not_have_leave_the_boards() -> None:
    market = MarketScanner(epoch=1)
    market.apply_whole(0, row_block({"A": {"accumulated_volume": 5.0}, "B": {"accumulated_volume": 4.0}}))
    market.apply_changed(0, row_block({"C": {"accumulated_volume": 3.0}}, tick=2))
    market.apply_whole(1, row_block({"Z": {"accumulated_volume": 1.0}}))

    market.apply_whole(0, row_block({"B": {"accumulated_volume": 4.0}}, epoch=2))

    assert boards(market)[TOP_VOLUME].block.symbols == ("B", "Z")


@pytest.mark.parametrize("shown", [False, True])
def test_test_issues_stand_on_boards_only_where_their_processor_shows_them(shown: bool) -> None:
    market = MarketScanner(epoch=1)
    columns = {board.ranked_by: 900.0 for board in BOARDS}
    first = {"ZVZZT": columns, "AAPL": dict.fromkeys(columns, 1.0)}
    market.apply_whole(0, row_block(first, shows_test_issues=shown))
    market.apply_changed(0, row_block({"NTEST.A": columns}, tick=2, shows_test_issues=shown))
    market.apply_whole(1, row_block({"ZWZZT": columns, "IBM": columns}))

    asked_for = {"ZVZZT", "NTEST.A"} if shown else set()
    for board in boards(market).values():
        assert set(board.block.symbols) == {"AAPL", "IBM", *asked_for}, board.feed
        assert set(board.scores) == set(board.block.symbols)

    market.apply_whole(
        0, row_block({"NTEST.A": columns, "AAPL": columns}, tick=3, shows_test_issues=not shown)
    )
    assert set(boards(market)[TOP_VOLUME].block.symbols) == {"AAPL", "IBM", *(() if shown else ("NTEST.A",))}


def test_rows_that_no_shard_has_are_forgotten() -> None:
    market = MarketScanner(epoch=1)
    market.apply_whole(0, row_block({f"X{number}": {"accumulated_volume": 1.0} for number in range(9)}))
    market.apply_whole(1, row_block({"Z": {"accumulated_volume": 1.0}, "Y": {"accumulated_volume": 2.0}}))

    market.apply_whole(0, row_block({"X8": {"accumulated_volume": 4.0}}, tick=3))

    assert market.row_count == 3
    market.apply_changed(1, row_block({"Z": {"accumulated_volume": 9.0}}, tick=2))
    market.apply_changed(0, row_block({"NEW": {"accumulated_volume": 3.0}}, tick=4))
    assert boards(market)[TOP_VOLUME].block.symbols == ("Z", "X8", "NEW", "Y")
    market.apply_whole(1, row_block({"Z": {"accumulated_volume": 9.0}}, tick=4))
    assert boards(market)[TOP_VOLUME].block.symbols == ("Z", "X8", "NEW")
