"""The boards as people see them: what each is called, and which columns it shows."""

from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.store.keys import (
    HALTS,
    TOP_GAINERS,
    TOP_GAP_DOWNS,
    TOP_GAPPERS,
    TOP_LOSERS,
    TOP_TRADES,
    TOP_VOLUME,
)

# A row goes out again whenever one of its values moved: a board therefore leaves out the bid and offer and
# the detail of the newest second, which nobody ranks by and which move with every tick. `quote:` has them.
# Nor has it the rank, which is the place of the row: one symbol that rises moves the ranks of all it passes.
_CHANGES: Final = ("close", "pct_change", "accumulated_volume", "pct_change_since_open")
_VOLUME: Final = ("relative_volume", "free_float", "change")
_DAY: Final = (
    "avg_volume",
    "aggregate_vwap",
    "day_high",
    "day_low",
    "prev_day_close",
    "official_open_price",
    "change_since_open",
    "prev_day_volume",
    "prev_day_vwap",
)
_MARKS: Final = ("short_sale_restricted", "is_halted")


class BoardInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A board as people see it. `columns` stand in the order of their importance."""

    name: str
    label: str
    description: str
    columns: tuple[str, ...]


_MOMENTUM: Final = (
    *_CHANGES,
    *_VOLUME,
    "pct_change_5m",
    "relative_volume_at_time",
    *_DAY,
    "float_rotation",
    "vwap_distance_pct",
    *_MARKS,
)
_GAPS: Final = (
    "close",
    "pct_change",
    "accumulated_volume",
    "gap_pct",
    *_VOLUME,
    "pct_change_since_open",
    "relative_volume_at_time",
    *_DAY,
    "float_rotation",
    *_MARKS,
)
_BOARDS: Final = (
    BoardInfo(
        name=TOP_GAINERS,
        label="Top gainers",
        description="Largest rise since the open, in percent",
        columns=(*_MOMENTUM, "new_high_count"),
    ),
    BoardInfo(
        name=TOP_LOSERS,
        label="Top losers",
        description="Largest fall since the open, in percent",
        columns=(*_MOMENTUM, "new_low_count"),
    ),
    BoardInfo(
        name=TOP_GAPPERS,
        label="Top gappers",
        description="Largest rise against the previous day's close, in percent",
        columns=_GAPS,
    ),
    BoardInfo(
        name=TOP_GAP_DOWNS,
        label="Gap-downs",
        description="Largest fall against the previous day's close, in percent",
        columns=_GAPS,
    ),
    BoardInfo(
        name=TOP_VOLUME,
        label="Top volume",
        description="Most shares traded today",
        columns=(
            *_CHANGES,
            *_VOLUME,
            "volume_5m",
            "relative_volume_5m",
            "relative_volume_at_time",
            *_DAY,
            "float_rotation",
            *_MARKS,
        ),
    ),
    BoardInfo(
        name=TOP_TRADES,
        label="Top trades",
        description="Most trades in a minute",
        columns=(
            "close",
            "pct_change",
            "trades_per_minute",
            "trade_volume",
            "trade_average_size",
            "trade_largest_size",
            "trade_span_ms",
            "accumulated_volume",
            "relative_volume",
            "free_float",
            "trade_count",
            "last_price",
            "last_size",
            "last_timestamp",
            *_MARKS,
        ),
    ),
    BoardInfo(
        name=HALTS,
        label="Halts",
        description="Halted today, the newest halt first",
        columns=(
            "halt_timestamp",
            "is_halted",
            "resume_timestamp",
            "earliest_reopening_timestamp",
            "close",
            "pct_change",
            "halt_may_be_limit_pause",
            "band_low",
            "band_high",
            "accumulated_volume",
            "relative_volume",
            "free_float",
            "nasdaq_listed",
        ),
    ),
)
BOARD_INFOS: Final[Mapping[str, BoardInfo]] = {board.name: board for board in _BOARDS}
"""Every board, in the order in which they are offered."""
