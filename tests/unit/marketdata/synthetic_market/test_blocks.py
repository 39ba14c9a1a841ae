"""Blocks of events: each kind has the columns that it states, and repeats keep them together."""

import numpy as np
import pytest

from marketdata.events import AGGREGATE_COLUMNS, PRICE_BAND_COLUMNS, QUOTE_COLUMNS, TRADE_COLUMNS
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.blocks import Block, EventKind, RepeatedBlock
from marketdata.synthetic_market.prints import VENUES, TradeCondition
from tests.unit.marketdata.synthetic_market.markets import market, run

OF_A_PRINT = {"participant_timestamp", "tape"}
COLUMNS = {
    EventKind.SECOND_AGGREGATE: set(AGGREGATE_COLUMNS),
    EventKind.MINUTE_AGGREGATE: set(AGGREGATE_COLUMNS),
    EventKind.TRADE: set(TRADE_COLUMNS) - {"rules", "identity"}
    | OF_A_PRINT
    | {"exchange", "reporting_facility", "conditions"},
    EventKind.QUOTE: set(QUOTE_COLUMNS)
    | OF_A_PRINT
    | {"bid_exchange", "ask_exchange", "is_regular", "has_indicator"},
    EventKind.PRICE_BANDS: set(PRICE_BAND_COLUMNS) - {"timestamp", "nanoseconds", "signs"}
    | {"timestamp_ns", "notice", "tape"},
}


def columns_of(block: Block) -> set[str]:
    return set((block.prototypes if isinstance(block, RepeatedBlock) else block).columns)


def test_each_kind_has_the_columns_that_it_states_in_the_platforms_own_words() -> None:
    found = {block.kind: columns_of(block) for block in run(market("2026-11-20T10:00:59"), 3)}
    assert found == COLUMNS


def test_before_the_open_aggregates_have_no_official_open() -> None:
    blocks = run(market("2026-11-20T08:00"), 2)
    bars = [block for block in blocks if block.kind is EventKind.SECOND_AGGREGATE]
    assert bars
    assert all(columns_of(bar) == set(AGGREGATE_COLUMNS) - {"official_open_price"} for bar in bars)


def test_prints_off_exchange_name_their_facility_and_no_others_do() -> None:
    trades = [block for block in run(market("2026-11-20T11:00"), 4) if block.kind is EventKind.TRADE]
    facility, venue, exact = (
        np.concatenate([trade.chosen(slice(None)).columns[name] for trade in trades])
        for name in ("reporting_facility", "exchange", "fractional_size")
    )
    assert set(facility.tolist()) == {0, 1, 2, 3}
    assert ((facility > 0) == (venue == VENUES.index("FINR"))).all()
    assert (facility[~np.isnan(exact)] > 0).all()


@pytest.mark.parametrize(("start", "expected"), [("2026-11-20T08:00", True), ("2026-11-20T11:00", False)])
def test_all_trades_outside_the_regular_session_say_so_and_no_others_do(start: str, expected: bool) -> None:
    trades = [block for block in run(market(start), 2) if block.kind is EventKind.TRADE]
    conditions = np.concatenate([trade.chosen(slice(None)).columns["conditions"] for trade in trades])
    assert ((conditions & TradeCondition.EXTENDED_HOURS > 0) == expected).all()


def test_a_repeated_event_is_its_prototype_with_a_time_and_a_number_of_its_own() -> None:
    rates = Rates(
        aggregates_per_second=0, trades_per_second=50_000, quotes_per_second=0, follows_session=False
    )
    block = next(iter(run(market("2026-11-20T11:00", rates), 0.1)))
    assert isinstance(block, RepeatedBlock)
    count, prototypes = len(block.prototypes), block.prototypes.columns
    rows = np.array([0, count, 2 * count, 5])
    chosen = block.chosen(rows)
    columns = chosen.columns
    assert len(set(chosen.symbol_index[:3].tolist())) == 1
    np.testing.assert_array_equal(columns["price"], prototypes["price"][[0, 0, 0, 5]])
    np.testing.assert_array_equal(columns["timestamp"], block.times[rows])
    np.testing.assert_array_equal(columns["sequence_number"], block.numbers[rows])
    lag = prototypes["timestamp"] - prototypes["participant_timestamp"]
    np.testing.assert_array_equal(columns["timestamp"] - columns["participant_timestamp"], lag[[0, 0, 0, 5]])
