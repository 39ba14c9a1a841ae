"""Share splits of the synthetic market: some in the months before it starts, and two on each session date.

Simulated prices are continuous: they are adjusted to the shares of the newest day. The unadjusted bars of an
earlier date are computed from the splits since then.
"""

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.synthetic_market.universe import Universe
from marketdata.trading_calendar import TradingCalendar

_SPLITS_BEFORE: Final = 40
_SPLIT_DAYS: Final = 200
_RATIOS_BEFORE: Final = ((1, 2), (1, 3), (1, 4), (1, 10), (10, 1), (20, 1), (25, 1), (8, 1))
# The ratios of the splits of a day: new shares for old shares.
_RATIOS_OF_A_SESSION: Final = ((1, 4), (10, 1))


class SimulatedSplit(msgspec.Struct, frozen=True, kw_only=True):
    """`split_from` old shares of a symbol (its index in the universe) become `split_to` new ones."""

    row: int
    ticker: str
    execution_date: dt.date
    split_from: int
    split_to: int

    @property
    def ratio(self) -> float:
        """New shares for each old one."""
        return self.split_to / self.split_from


class SplitHistory:
    """Splits up to any date of a market that starts on `first_date`: functions of the seed and the dates."""

    def __init__(
        self, universe: Universe, calendar: TradingCalendar, *, seed: int, first_date: dt.date
    ) -> None:
        self._universe: Final = universe
        self._calendar: Final = calendar
        self._seed: Final = seed
        self._first_date: Final = first_date
        self.until = functools.lru_cache(maxsize=2)(self._until)
        self.of_date = functools.lru_cache(maxsize=64)(self._of_date)

    def ratio_since(self, row: int, date: dt.date, today: dt.date) -> float:
        """How many shares of today one share of a past date corresponds to."""
        ratio = 1.0
        for split in self.until(today):
            if split.row == row and split.execution_date > date:
                ratio *= split.ratio
        return ratio

    def ratios_since(self, date: dt.date, today: dt.date) -> Mapping[int, float]:
        """The same for every symbol that was split since, by its index in the universe."""
        rows = {split.row for split in self.until(today) if split.execution_date > date}
        return {row: self.ratio_since(row, date, today) for row in rows}

    def _until(self, today: dt.date) -> Sequence[SimulatedSplit]:
        """All splits up to a date, the newest first."""
        sessions = [date for date in self._calendar.dates if self._first_date <= date <= today]
        newest = [split for date in reversed(sessions) for split in self.of_date(date)]
        return (*newest, *self._before())

    def _of_date(self, date: dt.date) -> Sequence[SimulatedSplit]:
        """The two splits of a session date: four new shares for an old one, and one new for ten old ones."""
        rng = np.random.default_rng([self._seed, 8, date.toordinal()])
        rows = rng.choice(len(self._universe), size=len(_RATIOS_OF_A_SESSION), replace=False)
        pairs = zip(rows.tolist(), _RATIOS_OF_A_SESSION, strict=True)
        return tuple(self._split(row, date, ratio) for row, ratio in pairs)

    def _before(self) -> Iterator[SimulatedSplit]:
        count = min(_SPLITS_BEFORE, len(self._universe))
        rng = np.random.default_rng([self._seed, 7])
        days = np.sort(rng.integers(1, _SPLIT_DAYS, count))
        rows = rng.choice(len(self._universe), size=count, replace=False)
        kinds = rng.integers(0, len(_RATIOS_BEFORE), count)
        for day, row, kind in zip(days.tolist(), rows.tolist(), kinds.tolist(), strict=True):
            yield self._split(row, self._first_date - dt.timedelta(days=day), _RATIOS_BEFORE[kind])

    def _split(self, row: int, date: dt.date, ratio: tuple[int, int]) -> SimulatedSplit:
        return SimulatedSplit(
            row=row,
            ticker=self._universe.symbols[row],
            execution_date=date,
            split_from=ratio[0],
            split_to=ratio[1],
        )
