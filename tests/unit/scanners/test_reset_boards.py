"""A board that is reset has another epoch, and ranks only rows that are read again."""

import pytest

from marketdata.errors import ConfigurationError
from marketdata.schema.boards import ALL_BOARDS, TOP_TRADES, TOP_VOLUME
from scanners.scanner.market import MarketScanner, Merge
from scanners.scanner.resets import boards_to_reset, reset_words
from tests.support.builders import row_block

ROWS = row_block({"A": {"accumulated_volume": 5.0}, "B": {"accumulated_volume": 6.0}}, tick=3)


def test_a_reset_board_forgets_all_rows_and_begins_another_epoch() -> None:
    market = MarketScanner(epoch=7)
    market.apply_whole(0, ROWS)
    market.reset([TOP_VOLUME], epoch=9)
    assert market.row_count == 0
    assert market.apply_changed(0, row_block({"A": {}}, tick=4)) is Merge.GAP
    market.apply_whole(0, row_block({"B": {"accumulated_volume": 6.0}}, tick=4))
    boards = {board.feed: board.block for board in market.rank_boards(published_ns=1)}
    assert boards[TOP_VOLUME].symbols == ("B",)
    assert {name: block.epoch for name, block in boards.items()} == {
        name: 9 if name == TOP_VOLUME else 7 for name in ALL_BOARDS
    }


def test_a_board_that_is_switched_off_can_be_reset_too() -> None:
    market = MarketScanner(epoch=7)
    market.reset([TOP_TRADES], epoch=9)
    boards = {each.feed: each.block for each in market.rank_boards(published_ns=1, off=[TOP_TRADES])}
    assert (boards[TOP_TRADES].epoch, boards[TOP_TRADES].symbols) == (9, ())


def test_one_board_or_all_can_be_named() -> None:
    assert boards_to_reset({"board": TOP_VOLUME}) == (TOP_VOLUME,)
    assert boards_to_reset({"board": "all"}) == ALL_BOARDS


@pytest.mark.parametrize("named", ["top_volume", "", None, 1, [TOP_VOLUME]])
def test_an_unknown_board_is_refused(named: object) -> None:
    with pytest.raises(ConfigurationError, match="accepted: all, scanners:top_gainers"):
        boards_to_reset({"board": named})


def test_the_answer_has_the_numbers() -> None:
    assert reset_words([TOP_VOLUME], 1) == "began 1 board anew, and read 1 symbol again"
    assert reset_words(ALL_BOARDS, 9_000) == "began 7 boards anew, and read 9,000 symbols again"
