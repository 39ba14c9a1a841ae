"""Boards of 500 rows that change as those of the demo do in the first minutes after the open.

What was counted there, for each board and second: 388 to 399 of 500 rows change, in 1,340 to 1,470 cells, and
36 to 95 symbols of a board of movers are replaced near its end. Four times a second, each frame has about a
quarter of it. `tests/unit/bench/test_moving_board.py` holds the generator to these figures.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.schema.stored import SCHEMA

Numbers = NDArray[np.float64]

ROWS: Final = 500
RESERVE: Final = 300
"""Symbols that are not shown and may come in."""
ENTRANCE: Final = 100
"""Symbols come in and leave among so many of the last ranks."""
TRADED_PER_SECOND: Final = 0.78
PRICE_MOVES_SHARE: Final = 0.23
"""Of the rows that trade, those whose price differs from before."""
REPLACED_PER_SECOND: Final[Mapping[str, float]] = {
    "scanners:top_gainers": 85,
    "scanners:top_gappers": 65,
    "scanners:top_volume": 15,
}


class MovingBoard:
    """The symbols of one board and those that wait outside, with columns that fit together.

    The same seed gives the same course.
    """

    def __init__(self, feed: str, seed: int) -> None:
        (board,) = [board for board in SCHEMA.boards if board.name == feed]
        self._feed = feed
        self._names = SCHEMA.board_columns(board)
        self._ranked_by = board.ranked_by
        self._random = random = np.random.default_rng(seed)
        count = ROWS + RESERVE
        self._symbols = np.array(_symbols(count, seed))
        self._prev_close = np.round(random.lognormal(3, 1.2, count), 2) + 1
        self._open = np.round(self._prev_close * (1 + random.normal(0, 0.02, count)), 2)
        self._close = np.round(self._open * (1 + np.sort(random.exponential(0.03, count))[::-1]), 2)
        self._volume = np.round(random.lognormal(12, 1.5, count))
        self._vwap = np.round((self._open + self._close) / 2, 4)
        self._high, self._low = np.maximum(self._open, self._close), np.minimum(self._open, self._close)
        self._float = np.round(random.lognormal(17, 1, count))
        self._average_volume = np.round(random.lognormal(14, 1, count))
        self._fixed = {name: np.round(random.lognormal(2, 1, count), 2) for name in self._names}
        self._shown = self._ranking()

    def advance(self, seconds: float) -> tuple[tuple[str, ...], dict[str, Numbers]]:
        """Let the market trade for some time. Returns the shown symbols by rank, and their columns."""
        self._trade(seconds)
        self._replace(seconds)
        self._shown = self._ranking()
        columns = self._columns()
        return (
            tuple(self._symbols[self._shown].tolist()),
            {name: columns[name][self._shown] for name in self._names},
        )

    def _trade(self, seconds: float) -> None:
        random = self._random
        traded = np.flatnonzero(random.random(len(self._symbols)) < TRADED_PER_SECOND * seconds)
        moved = traded[random.random(len(traded)) < PRICE_MOVES_SHARE]
        ticks = random.choice([-3, -2, -1, 1, 2, 3], len(moved))
        self._close[moved] = np.maximum(np.round(self._close[moved] + ticks / 100, 2), 0.5)
        shares = np.round(random.lognormal(5, 1, len(traded)))
        self._volume[traded] += shares
        weight = shares / self._volume[traded]
        self._vwap[traded] += np.round((self._close[traded] - self._vwap[traded]) * weight, 4)
        np.maximum(self._high, self._close, out=self._high)
        np.minimum(self._low, self._close, out=self._low)

    def _replace(self, seconds: float) -> None:
        """Let some symbols of the last ranks and some from outside exchange values, and so their ranks."""
        count = self._random.poisson(REPLACED_PER_SECOND[self._feed] * seconds)
        count = min(int(count), ENTRANCE)
        outside = np.setdiff1d(np.arange(len(self._symbols)), self._shown)
        coming = self._random.choice(outside, count, replace=False)
        leaving = self._random.choice(self._shown[-ENTRANCE:], count, replace=False)
        for values in (
            self._close,
            self._volume,
            self._open,
            self._prev_close,
            self._vwap,
            self._high,
            self._low,
        ):
            values[coming], values[leaving] = values[leaving], values[coming]

    def _ranking(self) -> NDArray[np.intp]:
        return np.argsort(-self._columns()[self._ranked_by], kind="stable")[:ROWS]

    def _columns(self) -> dict[str, Numbers]:
        change, since_open = self._close - self._prev_close, self._close - self._open
        flags = np.zeros(len(self._symbols))
        return self._fixed | {
            "close": self._close,
            "accumulated_volume": self._volume,
            "change": change,
            "pct_change": 100 * change / self._prev_close,
            "change_since_open": since_open,
            "pct_change_since_open": 100 * since_open / self._open,
            "pct_change_5m": 100 * since_open / self._open / 2,
            "gap_pct": 100 * (self._open - self._prev_close) / self._prev_close,
            "relative_volume": self._volume / self._average_volume,
            "relative_volume_at_time": 20 * self._volume / self._average_volume,
            "float_rotation": self._volume / self._float,
            "aggregate_vwap": self._vwap,
            "vwap_distance_pct": 100 * (self._close - self._vwap) / self._vwap,
            "day_high": self._high,
            "day_low": self._low,
            "prev_day_close": self._prev_close,
            "official_open_price": self._open,
            "free_float": self._float,
            "avg_volume": self._average_volume,
            "short_sale_restricted": flags,
            "is_halted": flags,
        }


def _symbols(count: int, seed: int) -> list[str]:
    """Different symbols of three or four letters."""
    random = np.random.default_rng(seed)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    symbols: dict[str, None] = {}
    while len(symbols) < count:
        length = 3 + int(random.random() < 0.8)
        symbols["".join(random.choice(letters, length))] = None
    return list(symbols)
