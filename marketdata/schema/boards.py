"""The boards: the ranking column of each, its direction, and its place on the dashboard.

The columns of a board are declared with the columns (`ColumnInfo.boards`). The ranking column is always
first.
"""

import enum
from typing import Final

import msgspec

TOP_GAINERS: Final = "scanners:top_gainers"
TOP_LOSERS: Final = "scanners:top_losers"
TOP_GAPPERS: Final = "scanners:top_gappers"
TOP_GAP_DOWNS: Final = "scanners:top_gap_downs"
TOP_VOLUME: Final = "scanners:top_volume"
TOP_TRADES: Final = "scanners:top_trades"
HALTS: Final = "scanners:halts"


LEADERBOARD_COLUMNS: Final = (
    "volume",
    "free_float",
    "accumulated_volume",
    "relative_volume",
    "official_open_price",
    "vwap",
    "open",
    "close",
    "high",
    "low",
    "aggregate_vwap",
    "average_size",
    "avg_volume",
    "prev_day_close",
    "prev_day_open",
    "prev_day_high",
    "prev_day_low",
    "prev_day_volume",
    "prev_day_vwap",
    "change",
    "pct_change",
    "change_since_open",
    "pct_change_since_open",
    "start_timestamp",
    "end_timestamp",
)
"""The columns that clients of version 1 of the protocol know on each leaderboard, in their order."""


class Direction(enum.StrEnum):
    """Which values of the ranking column come first."""

    HIGHEST_FIRST = "highest_first"
    LOWEST_FIRST = "lowest_first"


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A leaderboard. `name` is also the name of its feed.

    Every symbol with a value in the column `ranked_by` competes; with `only_above_zero`, only values above 0.
    Boards with the same `tab_group` share a place on the dashboard as tabs. An empty board shows
    `empty_text`. A `quiet` board often does not change for long, so its age is no sign of a failure. The
    columns in `carries` are stored with the board, also if it does not show them.
    """

    name: str
    label: str
    description: str
    ranked_by: str
    direction: Direction = Direction.HIGHEST_FIRST
    only_above_zero: bool = False
    tab_group: int
    empty_text: str = "Boards start empty at 04:00 New York and fill with the first trades."
    quiet: bool = False
    carries: tuple[str, ...] = ()


BOARDS: Final = (
    Board(
        name=TOP_GAINERS,
        label="Top gainers",
        description="Largest rise since the open, in percent",
        ranked_by="pct_change_since_open",
        tab_group=1,
        carries=LEADERBOARD_COLUMNS,
    ),
    Board(
        name=TOP_LOSERS,
        label="Top losers",
        description="Largest fall since the open, in percent",
        ranked_by="pct_change_since_open",
        direction=Direction.LOWEST_FIRST,
        tab_group=1,
        carries=LEADERBOARD_COLUMNS,
    ),
    Board(
        name=TOP_GAPPERS,
        label="Top gappers",
        description="Largest rise against the previous day's close, in percent",
        ranked_by="pct_change",
        tab_group=2,
        carries=LEADERBOARD_COLUMNS,
    ),
    Board(
        name=TOP_GAP_DOWNS,
        label="Gap-downs",
        description="Largest fall against the previous day's close, in percent",
        ranked_by="pct_change",
        direction=Direction.LOWEST_FIRST,
        tab_group=2,
        carries=LEADERBOARD_COLUMNS,
    ),
    Board(
        name=TOP_VOLUME,
        label="Top volume",
        description="Most shares traded today",
        ranked_by="accumulated_volume",
        only_above_zero=True,
        tab_group=3,
        carries=LEADERBOARD_COLUMNS,
    ),
    Board(
        name=TOP_TRADES,
        label="Top trades",
        description="Most trades in a minute",
        ranked_by="trades_per_minute",
        only_above_zero=True,
        tab_group=3,
        carries=LEADERBOARD_COLUMNS,
    ),
    Board(
        name=HALTS,
        label="Halts",
        description="Halted today, the newest halt first",
        ranked_by="halt_timestamp",
        tab_group=3,
        empty_text="Halts of the day appear here as they begin.",
        quiet=True,
    ),
)
"""Every board, in the order in which clients get them."""

MOVERS: Final = (TOP_GAINERS, TOP_LOSERS)
GAPS: Final = (TOP_GAPPERS, TOP_GAP_DOWNS)
PRICE_BOARDS: Final = (*MOVERS, *GAPS, TOP_VOLUME)
ALL_BOARDS: Final = tuple(board.name for board in BOARDS)


def at(place: int, *boards: str) -> dict[str, int]:
    """The same place on several boards, for `ColumnInfo.boards`."""
    return dict.fromkeys(boards, place)
