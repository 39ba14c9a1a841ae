"""Section "Boards" of docs/metrics.md: who stands on each board, in order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tests.oracle.terms import Row

PLACES: Final = 500
TEST_ISSUES: Final = frozenset({"ZVZZT", "NTEST.A", "ZWZZT"})
"""Those of the simulated market, and one of its hostile provider."""


class Board(msgspec.Struct, frozen=True):
    """The column that orders a board, the values that compete, and whether the lowest leads."""

    column: str
    competes: Callable[[float], bool] = lambda value: True
    lowest_first: bool = False


BOARDS: Final[Mapping[str, Board]] = {
    "scanners:top_gainers": Board("pct_change_since_open"),
    "scanners:top_losers": Board("pct_change_since_open", lowest_first=True),
    "scanners:top_gappers": Board("pct_change"),
    "scanners:top_gap_downs": Board("pct_change", lowest_first=True),
    "scanners:top_volume": Board("accumulated_volume", lambda value: value > 0),
    "scanners:top_trades": Board("trades_per_minute", lambda value: value > 0),
    "scanners:halts": Board("halt_timestamp"),
}


def ranked(board: Board, rows: Mapping[str, Row]) -> Sequence[str]:
    """The symbols of a board, best first; equal values in alphabetic order. Test issues do not compete."""
    found = {symbol: row.get(board.column) for symbol, row in rows.items() if symbol not in TEST_ISSUES}
    competing = {
        symbol: value for symbol, value in found.items() if value is not None and board.competes(value)
    }
    sign = 1 if board.lowest_first else -1
    return sorted(competing, key=lambda symbol: (sign * competing[symbol], symbol))[:PLACES]
