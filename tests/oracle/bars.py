"""Section "Bars" of docs/metrics.md: the columns of a symbol, from its bars in order of arrival."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.oracle.terms import (
    MINUTE_MS,
    Day,
    Event,
    Row,
    Value,
    difference,
    percent_change,
    product,
    quotient,
)
from tests.oracle.volume_curve import Curve

FIELDS: Final = {
    "volume": "v",
    "accumulated_volume": "av",
    "vwap": "vw",
    "open": "o",
    "close": "c",
    "high": "h",
    "low": "l",
    "aggregate_vwap": "a",
    "average_size": "z",
    "start_timestamp": "s",
    "end_timestamp": "e",
}
"""Columns that are fields of the newest bar."""


def bar_columns(
    bars: Sequence[Event], reference: Mapping[str, Value], *, day: Day, has_opened: bool, curve: Curve | None
) -> Row:
    """Every column of the section; `has_opened`: the market has reached the regular open."""
    newest = newest_bar(bars)

    def share_at(time_ms: int) -> Value:
        return None if curve is None else curve.share_at(time_ms, day)

    return (
        {column: newest.get(field) for column, field in FIELDS.items()}
        | _since_open(bars, newest, reference, day, has_opened)
        | _against_reference(newest, reference, share_at(newest["e"]))
        | _windows(bars, newest, reference, share_at)
    )


def newest_bar(bars: Sequence[Event]) -> Event:
    """The one with the greatest end, of those the greatest start, of those the last to arrive."""
    return max(enumerate(bars), key=lambda numbered: (numbered[1]["e"], numbered[1]["s"], numbered[0]))[1]


def earliest_bar(bars: Sequence[Event]) -> Event:
    """The one with the smallest start, of those the last to arrive."""
    return min(enumerate(bars), key=lambda numbered: (numbered[1]["s"], -numbered[0]))[1]


def _since_open(
    bars: Sequence[Event], newest: Event, reference: Mapping[str, Value], day: Day, has_opened: bool
) -> Row:
    reset_ms = day.regular_open_ms if has_opened else day.start_ms
    counted = [bar for bar in bars if bar["s"] >= reset_ms]
    first = earliest_bar(counted) if counted else None
    session_open = None if first is None else first["o"]
    official = _official_open(bars, day)
    base = session_open if official is None else official
    close = newest["c"] if newest["s"] >= reset_ms else None
    before_open = None if has_opened else newest["c"]
    opening = next((price for price in (official, session_open) if price is not None), None)
    return {
        "official_open_price": official,
        "session_open_price": session_open,
        "session_open_timestamp": None if first is None else first["s"],
        "change_since_open": difference(close, base),
        "pct_change_since_open": percent_change(close, base),
        "gap_pct": percent_change(opening if has_opened else before_open, reference.get("prev_day_close")),
    }


def _official_open(bars: Sequence[Event], day: Day) -> Value:
    telling = [bar for bar in bars if bar["s"] >= day.regular_open_ms and (bar.get("op") or 0) > 0]
    return newest_bar(telling)["op"] if telling else None


def _against_reference(newest: Event, reference: Mapping[str, Value], share: Value) -> Row:
    previous, average = reference.get("prev_day_close"), reference.get("avg_volume")
    return {
        "change": difference(newest["c"], previous),
        "pct_change": percent_change(newest["c"], previous),
        "relative_volume": quotient(newest["av"], average),
        "relative_volume_at_time": quotient(newest["av"], product(average, share)),
        "float_rotation": quotient(newest["av"], reference.get("free_float")),
        "vwap_distance_pct": percent_change(newest["c"], newest["a"]),
    }


def _windows(
    bars: Sequence[Event], newest: Event, reference: Mapping[str, Value], share_at: Callable[[int], Value]
) -> Row:
    bases = {minutes: _window_base(bars, newest, minutes) for minutes in (1, 5, 15)}
    row: Row = {
        f"pct_change_{minutes}m": percent_change(newest["c"], None if base is None else base["c"])
        for minutes, base in bases.items()
    }
    for minutes in (1, 5):
        volume = _window_volume(bars, newest, bases[minutes])
        share = difference(share_at(newest["e"]), share_at(_window_start_ms(newest, minutes)))
        row[f"volume_{minutes}m"] = volume
        row[f"relative_volume_{minutes}m"] = quotient(volume, product(reference.get("avg_volume"), share))
    return row


def _window_start_ms(newest: Event, minutes: int) -> int:
    return (_minute(newest) - (minutes - 1)) * MINUTE_MS


def _window_base(bars: Sequence[Event], newest: Event, minutes: int) -> Event | None:
    first_minute = _minute(newest) - (minutes - 1)
    earlier = [bar for bar in bars if _minute(bar) < first_minute]
    return newest_bar(earlier) if earlier else None


def _window_volume(bars: Sequence[Event], newest: Event, base: Event | None) -> float:
    if base is not None:
        before = base["av"]
    else:
        earliest = earliest_bar(bars)
        before = earliest["av"] - earliest["v"]
    return max(0.0, float(newest["av"] - before))


def _minute(bar: Event) -> int:
    return int((bar["e"] - 1) // MINUTE_MS)
