"""The shape of a day's volume: learned from minute bars, asked by time of day, kept as bytes."""

import contextlib
import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError
from marketdata.reference.volume_curve import (
    MinuteVolumes,
    VolumeCurve,
    decode_volume_curve,
    encode_volume_curve,
    learn_volume_curve,
)
from marketdata.trading_calendar import TradingDay
from tests.unit.marketdata.reference.sources import CALENDAR, MINUTE_MS

THURSDAY, FRIDAY = (CALENDAR.day(dt.date(2026, 11, day)) for day in (12, 13))
EARLY_CLOSE = CALENDAR.day(dt.date(2026, 11, 27))


def volumes(*bars: tuple[TradingDay, int, float]) -> MinuteVolumes:
    """Bars of (day, minute of the day, volume)."""
    return MinuteVolumes(
        np.array([day.day_start_ms + minute * MINUTE_MS for day, minute, _ in bars], dtype=np.int64),
        np.array([volume for _, _, volume in bars], dtype=np.float64),
    )


def curve_of(shares: list[float]) -> VolumeCurve:
    return VolumeCurve(shares=np.array(shares), symbols=("SPY",), sessions=1, last_date=dt.date(2026, 11, 13))


def test_each_day_and_each_symbol_counts_the_same() -> None:
    learned = learn_volume_curve(
        {
            "SPY": volumes((THURSDAY, 0, 10.0), (FRIDAY, 0, 500.0), (FRIDAY, 1, 500.0)),
            "QQQ": volumes((THURSDAY, 1, 7.0)),
        },
        [THURSDAY, FRIDAY],
    )

    assert learned is not None
    assert len(learned.shares) == 961
    # SPY: all and half by minute 1, so 0.75; QQQ: nothing by minute 1, all by minute 2.
    assert learned.share_at([0, 1, 2]).tolist() == [0, pytest.approx(0.375), 1]
    assert (learned.symbols, learned.sessions, learned.last_date) == (("SPY", "QQQ"), 1, FRIDAY.date)


def test_between_minutes_it_is_linear_and_outside_the_day_it_stays() -> None:
    curve = curve_of([0, 0.5, 1])
    found = curve.share_at(np.array([-5, 0.5, 1.5, 99, np.nan]))
    np.testing.assert_allclose(found, [0, 0.25, 0.75, 1, np.nan])


def test_early_closes_and_bars_outside_the_day_are_left_out() -> None:
    learned = learn_volume_curve(
        {"SPY": volumes((FRIDAY, 5, 1.0), (FRIDAY, -3, 50.0), (FRIDAY, 960, 50.0), (EARLY_CLOSE, 0, 9.0))},
        [FRIDAY, EARLY_CLOSE],
    )

    assert learned is not None
    assert learned.share_at([5, 6]).tolist() == [0, 1]
    assert learned.sessions == 1


def test_without_a_trade_on_any_full_day_there_is_no_curve() -> None:
    assert learn_volume_curve({"SPY": volumes((EARLY_CLOSE, 0, 9.0))}, [FRIDAY, EARLY_CLOSE]) is None
    assert learn_volume_curve({"SPY": volumes((FRIDAY, 0, 0.0))}, [FRIDAY]) is None
    assert learn_volume_curve({}, []) is None


@given(
    st.lists(
        st.tuples(st.sampled_from([THURSDAY, FRIDAY]), st.integers(0, 959), st.floats(0, 1e12)), min_size=1
    )
)
def test_a_learned_curve_rises_from_zero_to_one_and_survives_storage(
    bars: list[tuple[TradingDay, int, float]],
) -> None:
    learned = learn_volume_curve({"SPY": volumes(*bars)}, [THURSDAY, FRIDAY])
    if learned is None:
        assert not any(volume > 0 for _, _, volume in bars)
        return
    assert (learned.shares[0], learned.shares[-1]) == (0, 1)
    assert all(one <= other for one, other in itertools.pairwise(learned.shares.tolist()))

    stored = decode_volume_curve(encode_volume_curve(learned))

    np.testing.assert_array_equal(stored.shares, learned.shares)
    assert (stored.symbols, stored.sessions, stored.last_date) == (
        learned.symbols,
        learned.sessions,
        learned.last_date,
    )


@pytest.mark.parametrize(
    "shares", [[0.0], [0.0, 0.9, 0.5, 1.0], [0.1, 1.0], [0.0, 0.9], [0.0, float("nan"), 1.0]]
)
def test_what_is_no_such_curve_is_refused(shares: list[float]) -> None:
    with pytest.raises(ContentError, match="volume_curve"):
        decode_volume_curve(encode_volume_curve(curve_of(shares)))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_an_error_of_content_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        decode_volume_curve(data)
