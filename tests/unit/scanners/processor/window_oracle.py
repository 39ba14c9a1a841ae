"""What the windows must come to, computed slowly and plainly from all bars of a symbol's day."""

from collections.abc import Mapping, Sequence

from tests.unit.scanners.processor.bar_oracle import Bar, Row

MINUTE_MS = 60_000


def expected_windows(
    arrived: Sequence[Bar], *, average_volume: float | None, usual_share: Mapping[int, float] | None
) -> Row:
    """The columns of one symbol; `arrived` in order of arrival, `usual_share` by time in ms if known."""
    newest = newest_of(arrived)
    row: Row = {}
    for minutes in (1, 5, 15):
        starts_ms = (minute_of(newest) - minutes + 1) * MINUTE_MS
        before = [bar for bar in arrived if bar["e"] <= starts_ms]
        base = newest_of(before) if before else None
        row[f"pct_change_{minutes}m"] = 100 * (newest["c"] - base["c"]) / base["c"] if base else None
        if minutes == 15:
            continue
        earliest = min(reversed(arrived), key=lambda bar: bar["s"])
        seen_from = base["av"] if base else earliest["av"] - earliest["v"]
        volume = max(newest["av"] - seen_from, 0)
        row[f"volume_{minutes}m"] = volume
        relative = None
        if average_volume is not None and usual_share is not None:
            usual = average_volume * (usual_share[int(newest["e"])] - usual_share[starts_ms])
            relative = volume / usual if usual > 0 else None
        row[f"relative_volume_{minutes}m"] = relative
    return row


def newest_of(bars: Sequence[Bar]) -> Bar:
    """The last to arrive of those with the greatest end and then the greatest start."""
    return max(reversed(bars), key=lambda bar: (bar["e"], bar["s"]))


def minute_of(bar: Bar) -> int:
    """The clock minute of the bar's last millisecond, counted from the epoch."""
    return int((bar["e"] - 1) // MINUTE_MS)
