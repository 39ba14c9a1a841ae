"""Bars of past days: derived from seed and date, and in agreement with each other."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.synthetic_market.daily import DailyPrices, round_price
from marketdata.synthetic_market.intraday import IntradayPath, RegularBars, activity_at, volume_share
from marketdata.synthetic_market.universe import build_universe
from tests.unit.marketdata.synthetic_market.markets import HALF_DAY, SEED, calendar, instant, universe

FRIDAY = dt.date(2026, 11, 20)
THURSDAY = dt.date(2026, 11, 19)


def path_of(date: dt.date, prices: DailyPrices | None = None) -> IntradayPath:
    previous = calendar().previous_sessions(date, 1)[0]
    return IntradayPath(
        universe(), prices or DailyPrices(universe(), SEED), calendar().day(date), previous, SEED
    )


def test_a_days_bars_do_not_depend_on_what_was_asked_before() -> None:
    asked_alone = RegularBars(path_of(FRIDAY))
    prices = DailyPrices(universe(), SEED)
    for date in calendar().previous_sessions(FRIDAY, 20):
        RegularBars(path_of(date, prices))
    asked_after_others = RegularBars(path_of(FRIDAY, prices))
    for name in ("open", "high", "low", "close", "volume", "vwap"):
        np.testing.assert_array_equal(getattr(asked_alone, name), getattr(asked_after_others, name))


def test_the_previous_close_is_the_close_of_the_bar_before() -> None:
    np.testing.assert_array_equal(path_of(FRIDAY).previous_close, RegularBars(path_of(THURSDAY)).close)


def test_another_seed_is_another_market() -> None:
    other = build_universe(SEED + 1, len(universe()))
    assert other.symbols != universe().symbols
    assert not np.array_equal(other.base_price, universe().base_price)


@given(st.sampled_from(calendar().dates[40:]))
@settings(max_examples=15, deadline=None)
def test_every_bar_is_well_formed_and_on_the_tick(date: dt.date) -> None:
    bars = RegularBars(path_of(date))
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert ((bars.low <= bars.vwap) & (bars.vwap <= bars.high)).all()
    assert (bars.volume > 0).all()
    for column in (bars.open, bars.high, bars.low, bars.close):
        np.testing.assert_array_equal(column, round_price(column))


@pytest.mark.parametrize("date", [FRIDAY, HALF_DAY])
def test_one_symbol_over_a_day_is_the_market_at_each_instant(date: dt.date) -> None:
    path, row = path_of(date), 17
    times = np.arange(path.day.day_start_ms, path.day.after_hours_end_ms + 1, 250_000)

    prices = [path.prices_at(time_ms)[row] for time_ms in times.tolist()]
    shares = [path.accumulated_volume_at(time_ms)[row] for time_ms in times.tolist()]

    np.testing.assert_allclose(path.prices_of(row, times), prices, rtol=1e-12)
    np.testing.assert_array_equal(path.accumulated_shares_over(row, times), shares)


def test_the_regular_session_leads_from_the_official_open_to_the_close() -> None:
    path = path_of(FRIDAY)
    np.testing.assert_allclose(path.prices_at(path.day.regular_open_ms), path.official_open, rtol=1e-9)
    np.testing.assert_allclose(path.prices_at(path.day.regular_close_ms), path.official_close, rtol=1e-9)


def test_each_day_has_gappers_and_runners() -> None:
    path = path_of(FRIDAY)
    assert (path.official_open / path.previous_close).max() > 1.15
    assert (path.official_close / path.official_open).max() > 1.15
    assert (path.official_open / path.previous_close).min() < 0.9


@given(st.sampled_from([FRIDAY, HALF_DAY]), st.floats(0, 1), st.floats(0, 1))
def test_the_share_of_volume_never_falls(date: dt.date, one: float, other: float) -> None:
    day = calendar().day(date)
    span = day.after_hours_end_ms - day.day_start_ms
    earlier, later = (day.day_start_ms + round(part * span) for part in sorted((one, other)))
    assert 0 <= volume_share(day, earlier) <= volume_share(day, later) <= 1


def test_the_volume_of_a_day_is_shaped_like_a_u() -> None:
    day = calendar().day(FRIDAY)
    assert volume_share(day, day.day_start_ms) == 0
    assert volume_share(day, day.after_hours_end_ms) == 1
    opening, noon, closing = (
        activity_at(day, instant(f"2026-11-20T{time}")) for time in ("09:31", "12:30", "15:59")
    )
    assert opening > 2 * noon
    assert closing > 2 * noon
    assert activity_at(day, instant("2026-11-20T21:00")) == 0


def test_tickers_are_unique_and_look_real() -> None:
    symbols = build_universe(SEED, 5_000).symbols
    assert len(set(symbols)) == 5_000
    assert list(symbols) == sorted(symbols)
    assert {"AAPL", "BRK.B", "SPY"} <= set(symbols)
    assert all(1 <= len(symbol) <= 7 for symbol in symbols)
    assert any(symbol.endswith(".WS") for symbol in symbols)


@pytest.mark.parametrize("count", [9, 20_001])
def test_a_universe_out_of_bounds_is_refused(count: int) -> None:
    with pytest.raises(ConfigurationError, match="symbols must be 10 to 20000"):
        build_universe(SEED, count)
