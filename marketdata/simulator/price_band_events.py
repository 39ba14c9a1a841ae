"""The limit-up/limit-down channel: halts and reopenings when they are due, band updates all the time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from marketdata.simulator import halts
from marketdata.simulator.activity import Activity
from marketdata.simulator.daily import Column
from marketdata.simulator.halts import Halt
from marketdata.simulator.intraday import IntradayPath
from marketdata.simulator.universe import Universe
from marketdata.simulator.wire import EventBlock

_NS_PER_MS: Final = 1_000_000
# The reference price is the mean of five minutes and so lags behind a fast move: bands can be run into.
_REFERENCE_AGE_MS: Final = 60_000


class PriceBandEvents:
    """`LULD` events of one trading day, in order of time. Bands are in force in the regular session only."""

    def __init__(
        self,
        universe: Universe,
        path: IntradayPath,
        halts_of_day: Sequence[Halt],
        *,
        activity: Activity,
        rng: np.random.Generator,
    ) -> None:
        self._tape: Final = universe.tape
        self._day: Final = path.day
        self._halts: Final = [
            halt for halt in halts_of_day if universe.tape[halt.symbol_index] == halts.NASDAQ_TAPE
        ]
        self._percentage: Final = halts.band_percentage(path.previous_close, universe.tier)
        self._symbols: Final = np.array(universe.symbols, dtype=object)
        self._activity: Final = activity
        self._rng: Final = rng
        self._sequence = 0

    def between(
        self, before_ms: int, now_ms: int, prices_at: Callable[[int], Column], updates: int
    ) -> Iterator[EventBlock]:
        """The events from `before_ms` up to `now_ms`, among them `updates` plain band updates."""
        events = [
            *self._halt_events(before_ms, now_ms),
            *(self._updates(before_ms, now_ms, updates) if self._in_force(before_ms) else ()),
        ]
        if not events:
            return
        events.sort()
        times, rows, codes = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
        high, low = halts.price_bands(prices_at(now_ms - _REFERENCE_AGE_MS)[rows], self._percentage[rows])
        is_halt = codes == halts.HALTED
        columns = {
            "h": np.where(is_halt, 0.0, high),
            "l": np.where(is_halt, 0.0, low),
            "i": np.fromiter(((code,) for code in codes.tolist()), dtype=object, count=len(codes)),
            "z": self._tape[rows],
            "t": times,
            "q": self._sequence + 1 + np.arange(len(rows)),
        }
        self._sequence += len(rows)
        yield EventBlock("LULD", self._symbols, rows, columns)

    def _in_force(self, time_ms: int) -> bool:
        return self._day.regular_open_ms <= time_ms < self._day.regular_close_ms

    def _halt_events(self, before_ms: int, now_ms: int) -> Iterator[tuple[int, int, int]]:
        for halt in self._halts:
            if before_ms <= halt.start_ms < now_ms:
                yield halt.start_ms * _NS_PER_MS, halt.symbol_index, halts.HALTED
            if before_ms <= halt.end_ms < now_ms:
                yield halt.end_ms * _NS_PER_MS, halt.symbol_index, halts.REOPENED

    def _updates(self, before_ms: int, now_ms: int, count: int) -> Iterator[tuple[int, int, int]]:
        offsets = self._rng.integers(0, (now_ms - before_ms) * _NS_PER_MS, count).tolist()
        kinds = self._rng.random(count).tolist()
        for offset, row, kind in zip(offsets, self._activity.prints(count).tolist(), kinds, strict=True):
            code = halts.INTRADAY_UPDATE if kind < 0.3 else halts.RESTATED
            if self._tape[row] != halts.NASDAQ_TAPE:
                code = halts.REPUBLISHED
            yield before_ms * _NS_PER_MS + offset, row, code
