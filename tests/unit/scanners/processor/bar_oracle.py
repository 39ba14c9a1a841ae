"""What the leaderboard analyzer must come to, computed slowly and plainly: all bars kept, no arrays."""

import math
from collections.abc import Iterable, Mapping, Sequence

from scanners.analyzers.bars import BAR_COLUMNS

WIRE_NAMES = dict(zip(BAR_COLUMNS, ("v", "av", "vw", "o", "c", "h", "l", "a", "z", "s", "e"), strict=True))

Bar = Mapping[str, float]
Row = dict[str, float | None]


def expected_rows(
    bars: Iterable[Bar],
    *,
    opens_at_ms: int,
    previous_close: Mapping[str, float],
    average_volume: Mapping[str, float],
) -> dict[str, Row]:
    """The rows after all bars of one day; a bar that comes again with its times replaces the one before."""
    kept: dict[str, dict[tuple[float, float], Bar]] = {}
    arrived: dict[str, list[Bar]] = {}
    bars = list(bars)
    for bar in bars:
        symbol = str(bar["sym"])
        kept.setdefault(symbol, {})[bar["e"], bar["s"]] = bar
        arrived.setdefault(symbol, []).append(bar)
    regular = any(bar["e"] > opens_at_ms for bar in bars)
    rows = {}
    for symbol, by_time in kept.items():
        newest = by_time[max(by_time)]
        row: Row = {name: newest[wire] for name, wire in WIRE_NAMES.items()}
        row["day_high"] = max(bar["h"] for bar in arrived[symbol])
        row["day_low"] = min(bar["l"] for bar in arrived[symbol])
        row |= _since_open(arrived[symbol], newest, opens_at_ms if regular else 0, opens_at_ms)
        row |= _against_reference(newest, previous_close.get(symbol), average_volume.get(symbol))
        opening = row["official_open_price"] or (row["session_open_price"] if regular else newest["c"])
        row["gap_pct"] = _percent(opening, previous_close.get(symbol))
        row["vwap_distance_pct"] = _percent(newest["c"], newest["a"])
        rows[symbol] = row
    return rows


def _since_open(arrived: Sequence[Bar], newest: Bar, since_ms: int, opens_at_ms: int) -> Row:
    counted = [bar for bar in reversed(arrived) if bar["s"] >= since_ms]
    first = min(counted, key=lambda bar: bar["s"])["o"] if counted else None
    telling = [bar for bar in reversed(arrived) if bar["op"] and bar["s"] >= opens_at_ms]
    official = max(telling, key=lambda bar: (bar["e"], bar["s"]))["op"] if telling else None
    base = official or first
    known = base is not None and newest["s"] >= since_ms
    return {
        "official_open_price": official,
        "session_open_price": first,
        "change_since_open": newest["c"] - base if known and base is not None else None,
        "pct_change_since_open": _percent(newest["c"], base) if known else None,
    }


def _against_reference(newest: Bar, previous: float | None, average: float | None) -> Row:
    return {
        "prev_day_close": previous,
        "avg_volume": average,
        "change": None if previous is None else newest["c"] - previous,
        "pct_change": _percent(newest["c"], previous),
        "relative_volume": newest["av"] / average if average else None,
    }


def _percent(value: float | None, base: float | None) -> float | None:
    return 100 * (value - base) / base if base and value is not None else None


def same(left: float | None, right: float | None) -> bool:
    """Equal up to rounding; absent equals only absent."""
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-9)
