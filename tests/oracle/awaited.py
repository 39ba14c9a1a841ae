"""Columns that docs/metrics.md defines and the platform does not keep yet. In the end there is none."""

from typing import Final

AWAITED: Final = frozenset(
    {
        "trade_count",
        "trade_volume",
        "trade_average_size",
        "trade_largest_size",
        "trade_span_ms",
        "trades_per_minute",
        "band_high",
        "band_low",
        "band_timestamp",
        "band_sequence_number",
        "halt_timestamp",
        "resume_timestamp",
        "is_halted",
        "halt_may_be_limit_pause",
        "earliest_reopening_timestamp",
        "band_distance_pct",
        "limit_state",
        "limit_state_timestamp",
        "limit_pause_timestamp",
    }
)
