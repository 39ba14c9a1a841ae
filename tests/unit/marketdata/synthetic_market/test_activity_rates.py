"""How many events are sent, and on which symbols they fall."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.synthetic_market.activity import Activity, Rates, parse_mix, rates_of_total, trading_chances
from marketdata.synthetic_market.blocks import EventKind
from marketdata.synthetic_market.market import Market
from tests.unit.marketdata.synthetic_market.markets import market

TRADES = np.geomspace(1, 1e6, 500)


@given(st.floats(0.5, 490))
def test_chances_add_up_to_what_was_asked_for(expected: float) -> None:
    chances = trading_chances(TRADES, expected)
    assert chances.sum() == pytest.approx(expected, rel=1e-3)
    assert (np.diff(chances) >= 0).all()


def test_silenced_symbols_have_no_events() -> None:
    activity = Activity(TRADES, np.random.default_rng(1))
    halted = np.array([499, 498])
    activity.silence(halted)
    assert not np.isin(activity.prints(20_000), halted).any()
    assert not np.isin(activity.traders(400), halted).any()
    activity.silence(np.array([], dtype=np.int64))
    assert np.isin(activity.prints(2_000), halted).any()


def test_the_more_a_symbol_trades_the_more_often_it_speaks() -> None:
    counts = np.bincount(Activity(TRADES, np.random.default_rng(1)).prints(100_000), minlength=500)
    assert counts[-100:].sum() > 50 * counts[:100].sum()


@given(st.floats(1, 1_000_000))
def test_a_total_is_shared_out_whole(total: float) -> None:
    rates = rates_of_total(total, "A:4,T:10,Q:40", 11_000)
    parts = (rates.aggregates_per_second, rates.trades_per_second, rates.quotes_per_second)
    assert sum(parts) == pytest.approx(total)
    assert rates.aggregates_per_second <= 11_000
    assert rates.quotes_per_second == pytest.approx(4 * rates.trades_per_second)


def test_a_mix_may_name_one_type_only() -> None:
    assert parse_mix("Q:1") == {"A": 0, "T": 0, "Q": 1}
    assert rates_of_total(50, "Q:1", 100).quotes_per_second == 50


@pytest.mark.parametrize("mix", ["", "A", "A:x", "A:-1", "B:1", "A:0", "A:nan", "A:inf"])
def test_a_mix_that_is_none_is_refused(mix: str) -> None:
    with pytest.raises(ConfigurationError, match="mix"):
        parse_mix(mix)


@pytest.mark.parametrize("total", [0, -1, float("nan"), 1e9])
def test_a_rate_out_of_bounds_is_refused(total: float) -> None:
    with pytest.raises(ConfigurationError, match="rate must be above 0"):
        rates_of_total(total, "A:1", 100)
    with pytest.raises(ConfigurationError, match="trades_per_second"):
        Rates(aggregates_per_second=1, trades_per_second=-1, quotes_per_second=1)


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_a_factor_holds_for_all_rates_from_the_next_step_on(factor: float) -> None:
    usual, changed = market("2026-11-20T11:00"), market("2026-11-20T11:00")
    changed.rate_factor = factor

    def events(steps: int, of: Market, kinds: set[EventKind]) -> int:
        blocks = [block for _ in range(steps) for block in of.step(1_000)]
        return sum(len(block) for block in blocks if block.kind in kinds)

    prints = {EventKind.TRADE, EventKind.QUOTE}
    assert events(20, changed, prints) == pytest.approx(factor * events(20, usual, prints), rel=0.02)
    bars = {EventKind.SECOND_AGGREGATE}
    changed.rate_factor = 0.0
    events(2, changed, bars)  # those that are due of the seconds before
    assert events(5, changed, bars) == 0
