"""A board that is off, or that cannot be ranked, is empty and says so; the others tell what they lack."""

import msgspec
import pytest

from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS, TOP_GAPPERS, TOP_VOLUME
from scanners.scanner.market import MarketScanner, RankedBoard
from tests.support.builders import row_block


def shard_rows(symbol: str, volume: float, **header: object) -> RowBlock:
    rows = row_block({symbol: {"accumulated_volume": volume, "pct_change": volume}})
    return msgspec.structs.replace(rows, **header)


def boards(market: MarketScanner, depth: int = 500, off: tuple[str, ...] = ()) -> dict[str, RankedBoard]:
    return {each.feed: each for each in market.rank_boards(published_ns=9, depth=depth, off=off)}


@pytest.fixture
def market() -> MarketScanner:
    market = MarketScanner(epoch=7)
    for shard, symbol in enumerate("ABC"):
        market.apply_whole(shard, shard_rows(symbol, 1.0 + shard))
    return market


def test_a_board_that_is_off_is_empty_and_all_of_its_columns_are_off(market: MarketScanner) -> None:
    ranked = boards(market, off=(TOP_VOLUME,))
    off = ranked[TOP_VOLUME]
    assert (off.block.symbols, dict(off.scores)) == ((), {})
    assert off.block.off == tuple(off.block.columns) != ()
    assert ranked[TOP_GAPPERS].block.symbols == ("C", "B", "A")
    assert ranked[TOP_GAPPERS].block.off == ()
    assert boards(market)[TOP_VOLUME].block.symbols == ("C", "B", "A")


def test_a_board_whose_ranking_column_is_off_in_one_shard_ranks_no_part_of_the_market(
    market: MarketScanner,
) -> None:
    market.apply_whole(1, shard_rows("B", 2.0, off=("accumulated_volume",), epoch=2))
    ranked = boards(market)
    assert ranked[TOP_VOLUME].block.symbols == ()
    assert ranked[TOP_VOLUME].block.off == tuple(ranked[TOP_VOLUME].block.columns)
    gappers = ranked[TOP_GAPPERS].block
    assert gappers.symbols == ("C", "B", "A")
    assert gappers.off == ("accumulated_volume",), "one of its columns, which it shows without a number"


def test_a_board_tells_the_latest_time_since_which_a_partial_column_counts(market: MarketScanner) -> None:
    market.apply_whole(0, shard_rows("A", 1.0, partial={"pct_change_since_open": 5, "day_high": 4}, epoch=2))
    market.apply_whole(1, shard_rows("B", 1.0, partial={"pct_change_since_open": 6}, epoch=2))
    ranked = boards(market)
    assert ranked[TOP_GAINERS].block.partial == {"pct_change_since_open": 6, "day_high": 4}


def test_a_board_has_at_most_the_wanted_number_of_symbols(market: MarketScanner) -> None:
    assert boards(market, depth=2)[TOP_VOLUME].block.symbols == ("C", "B")
