"""Section "Range of the day" of docs/metrics.md: columns and alerts of a symbol, in order of arrival."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tests.oracle.terms import AFTER_HOURS, PRE_MARKET, REGULAR, Day, Event, Row, Value

_NAMES: Final = {PRE_MARKET: "pre_market", REGULAR: "regular", AFTER_HOURS: "after_hours"}
_RESTRICTED_BELOW: Final = 0.9


class Alert(msgspec.Struct, frozen=True):
    """A new high or low of the day; `level` is the extreme that was broken."""

    price: float
    level: float
    session: int
    start_timestamp: int
    end_timestamp: int


class Range(msgspec.Struct, frozen=True):
    """What the bars of a day come to."""

    columns: Row
    high_alerts: tuple[Alert, ...]
    low_alerts: tuple[Alert, ...]


def day_range(bars: Sequence[Event], reference: Mapping[str, Value], *, day: Day) -> Range:
    """Look at the bars one after the other."""
    row: Row = {"day_high": reference.get("snapshot_high"), "day_low": reference.get("snapshot_low")}
    row |= {f"{name}_{end}": None for name in _NAMES.values() for end in ("high", "low")}
    highs: list[Alert] = []
    lows: list[Alert] = []
    for bar in bars:
        session = day.session_at(bar["s"])
        high, low = row["day_high"], row["day_low"]
        if high is not None and bar["h"] > high:
            highs.append(Alert(bar["h"], high, session, bar["s"], bar["e"]))
        if low is not None and bar["l"] < low:
            lows.append(Alert(bar["l"], low, session, bar["s"], bar["e"]))
        for name in ("day", *([_NAMES[session]] if session in _NAMES else [])):
            row[f"{name}_high"] = _extreme(max, row[f"{name}_high"], bar["h"])
            row[f"{name}_low"] = _extreme(min, row[f"{name}_low"], bar["l"])
    if bars:
        row["new_high_count"], row["new_low_count"] = len(highs), len(lows)
    row["short_sale_restricted"] = _restricted(row["regular_low"], reference)
    return Range(row, tuple(highs), tuple(lows))


def _extreme(choose: Callable[[float, float], float], known: Value, new: float) -> float:
    return new if known is None else choose(known, new)


def _restricted(regular_low: Value, reference: Mapping[str, Value]) -> Value:
    previous = reference.get("prev_day_close")
    if previous is None:
        return None
    triggered = regular_low is not None and regular_low <= _RESTRICTED_BELOW * previous
    return float(triggered or reference.get("prev_day_short_sale_restricted") == 1)
