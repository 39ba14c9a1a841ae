"""The limit-up/limit-down channel: halts and reopenings when they are due, and constant band updates."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market import halts
from marketdata.synthetic_market.activity import Activity
from marketdata.synthetic_market.blocks import EventBlock, EventKind
from marketdata.synthetic_market.daily import Column
from marketdata.synthetic_market.halts import BandNotice, Halt
from marketdata.synthetic_market.intraday import IntradayPath
from marketdata.synthetic_market.price_moves import BandPressure
from marketdata.synthetic_market.universe import Universe
from marketdata.units import NS_PER_MS

# The reference price is the mean of five minutes. It lags behind a fast move, so prices can reach the bands.
_REFERENCE_AGE_MS: Final = 60_000


class LimitState(msgspec.Struct, frozen=True):
    """One symbol whose best bid is at its upper band, or whose best offer is at its lower band."""

    row: int
    band: float
    is_upper: bool


class PriceBandEvents:
    """Price bands of one trading day, in order of time. Bands are in force in the regular session only.

    The bands of a symbol under pressure are sent when the pressure begins, and stay until it reopens.
    """

    def __init__(
        self,
        universe: Universe,
        path: IntradayPath,
        halts_of_day: Sequence[Halt],
        *,
        pressures: Sequence[BandPressure] = (),
        activity: Activity,
        rng: np.random.Generator,
    ) -> None:
        self._tape: Final = universe.tape
        self._day: Final = path.day
        self._halts: Final = [
            halt for halt in halts_of_day if universe.tape[halt.symbol_index] == halts.NASDAQ_TAPE
        ]
        self._percentage: Final = halts.band_percentage(path.previous_close, universe.tier)
        self._pressures: Final = [
            (pressure, float(path.prices_at(pressure.begin_ms)[pressure.row])) for pressure in pressures
        ]
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
            *self._announcements(before_ms, now_ms),
            *(self._updates(before_ms, now_ms, updates) if self._in_force(before_ms) else ()),
        ]
        if not events:
            return
        events.sort()
        times, rows, notices = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
        reference = self._references(prices_at(now_ms - _REFERENCE_AGE_MS)[rows], rows, times // NS_PER_MS)
        high, low = halts.price_bands(reference, self._percentage[rows])
        is_halt = notices == BandNotice.HALTED
        columns = {
            "high": np.where(is_halt, 0.0, high),
            "low": np.where(is_halt, 0.0, low),
            "notice": notices,
            "timestamp_ns": times,
            "sequence_number": self._sequence + 1 + np.arange(len(rows)),
            "tape": self._tape[rows],
        }
        self._sequence += len(rows)
        yield EventBlock(EventKind.PRICE_BANDS, self._symbols, rows, columns)

    def limit_states(self, time_ms: int) -> Iterator[LimitState]:
        """The symbols that are held at a band at an instant."""
        for pressure, reference in self._pressures:
            if pressure.limit_state_ms <= time_ms < pressure.reopening_ms - halts.PAUSE_MS:
                percentage = self._percentage[[pressure.row]]
                high, low = halts.price_bands(np.array([reference]), percentage)
                is_upper = pressure.change > 0
                yield LimitState(pressure.row, float((high if is_upper else low)[0]), is_upper)

    def _references(self, usual: Column, rows: NDArray[np.int64], times_ms: NDArray[np.int64]) -> Column:
        """The reference prices of the bands."""
        references = usual.copy()
        for pressure, held in self._pressures:
            is_held = (times_ms >= pressure.begin_ms) & (times_ms < pressure.reopening_ms)
            references[(rows == pressure.row) & is_held] = held
        return references

    def _announcements(self, before_ms: int, now_ms: int) -> Iterator[tuple[int, int, int]]:
        for pressure, _ in self._pressures:
            if before_ms <= pressure.begin_ms < now_ms:
                yield pressure.begin_ms * NS_PER_MS, pressure.row, BandNotice.INTRADAY_UPDATE

    def _in_force(self, time_ms: int) -> bool:
        return self._day.regular_open_ms <= time_ms < self._day.regular_close_ms

    def _halt_events(self, before_ms: int, now_ms: int) -> Iterator[tuple[int, int, int]]:
        for halt in self._halts:
            if before_ms <= halt.start_ms < now_ms:
                yield halt.start_ms * NS_PER_MS, halt.symbol_index, BandNotice.HALTED
            if before_ms <= halt.end_ms < now_ms:
                yield halt.end_ms * NS_PER_MS, halt.symbol_index, BandNotice.REOPENED

    def _updates(self, before_ms: int, now_ms: int, count: int) -> Iterator[tuple[int, int, int]]:
        offsets = self._rng.integers(0, (now_ms - before_ms) * NS_PER_MS, count).tolist()
        kinds = self._rng.random(count).tolist()
        for offset, row, kind in zip(offsets, self._activity.prints(count).tolist(), kinds, strict=True):
            notice = BandNotice.INTRADAY_UPDATE if kind < 0.3 else BandNotice.RESTATED
            if self._tape[row] != halts.NASDAQ_TAPE:
                notice = BandNotice.REPUBLISHED
            yield before_ms * NS_PER_MS + offset, row, notice
