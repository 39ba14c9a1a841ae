"""The synthetic market in motion: each step of market time yields the events that happened in it.

Volume and prices come from the day's closed-form path, so the state at any instant does not depend on the
number of events. The rates only decide which symbols have events, and how many. The same universe, seed,
start and sequence of steps give exactly the same events.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market.activity import Activity, Rates
from marketdata.synthetic_market.blocks import Block, EventBlock, EventKind, RepeatedBlock
from marketdata.synthetic_market.casting import Cast, cast_scenario
from marketdata.synthetic_market.daily import Column, DailyPrices, round_price
from marketdata.synthetic_market.halts import Halt, draw_halts
from marketdata.synthetic_market.intraday import IntradayPath, activity_at
from marketdata.synthetic_market.price_band_events import LimitState, PriceBandEvents
from marketdata.synthetic_market.price_moves import BandPressure, Multiple, PriceMove
from marketdata.synthetic_market.prints import build_quote_pool, build_trade_pool
from marketdata.synthetic_market.scenarios import ORDINARY, Scenario
from marketdata.synthetic_market.state import Bars, MarketState
from marketdata.synthetic_market.universe import Universe
from marketdata.trading_calendar import MarketSession, TradingCalendar, TradingDay
from marketdata.units import MS_PER_MINUTE, MS_PER_SECOND

# Aggregates of a window are sent over this time after its end, as on the real feed.
_SECOND_BARS_SPREAD_MS: Final = 1_000
_MINUTE_BARS_SPREAD_MS: Final = 2_000
_NOISE: Final = 0.0003
# The number of trades, and of quotes, of a step that are drawn one by one; further ones repeat their details.
MAX_PROTOTYPES: Final = 2_000
# Test issues trade at so many times their close.
_TEST_PRICE: Final = 10.0
# The activity of a symbol in demand in a scenario, as a fraction of the activity of the most traded symbol.
_DEMAND: Final = 0.3


class Market:
    """All symbols of a universe on the trading days of a calendar. Not safe for concurrent use."""

    # These belong to the running day. They are replaced together when the next day begins.
    path: IntradayPath
    state: MarketState
    halts: Sequence[Halt]
    _date: dt.date
    _now_ms: int
    _bands: PriceBandEvents

    def __init__(
        self,
        universe: Universe,
        calendar: TradingCalendar,
        rates: Rates,
        *,
        seed: int,
        start_ms: int,
        speed: float = 1.0,
        scenario: Scenario = ORDINARY,
    ) -> None:
        """A market at `start_ms` (epoch milliseconds).

        A start outside trading hours means the next session's day start. `speed` is how many market seconds
        pass in a real one: rates are events per real second. A scenario lasts until the end of its first day.
        `rate_factor` multiplies all rates from the next step on.

        Raises:
            CalendarRangeError: the calendar does not hold the start, or no session after it.
        """
        self.universe: Final = universe
        self.calendar: Final = calendar
        self.prices: Final = DailyPrices(universe, seed)
        self._rates: Final = rates
        self.rate_factor = 1.0
        self.seed: Final = seed
        self._speed: Final = speed
        self._scenario: Final = scenario
        self._symbols: Final = np.array(universe.symbols, dtype=object)
        pool_rng = np.random.default_rng([seed, 5])
        self._regular_trades: Final = build_trade_pool(pool_rng, extended_hours=False)
        self._extended_trades: Final = build_trade_pool(pool_rng, extended_hours=True)
        self._quotes: Final = build_quote_pool(pool_rng)
        self.start_ms: Final = _first_open_instant(calendar, start_ms)
        self._scenario_date: Final = calendar.trading_day(self.start_ms).date
        self._begin_day(self.start_ms)

    @property
    def now_ms(self) -> int:
        """The market's own time, epoch milliseconds."""
        return self._now_ms

    @property
    def day(self) -> TradingDay:
        """The running trading day."""
        return self.path.day

    def path_of(self, date: dt.date) -> IntradayPath:
        """The path of any session date, past or running.

        Raises:
            CalendarRangeError: the calendar does not hold the date and the session before it.
        """
        day = self.calendar.day(date)
        previous_date = self.calendar.previous_sessions(date, 1)[0]
        path = IntradayPath(self.universe, self.prices, day, previous_date, self.seed)
        path.moves = (*self._cast(path).moves, *self._test_prices(date))
        return path

    def step(self, duration_ms: int) -> Sequence[Block]:
        """Advance market time; returns the blocks of events, each in order of time.

        After the end of the after-hours session the next step begins the next session date.
        """
        before_ms, now_ms = self._now_ms, self._now_ms + duration_ms
        if before_ms >= self.day.after_hours_end_ms:
            self._begin_day(self.day.next_day_start_ms)
            return ()
        self._now_ms = min(now_ms, self.day.after_hours_end_ms)
        self._update_halts(before_ms)
        for boundary_ms in range(_next_multiple(before_ms, MS_PER_SECOND), self._now_ms + 1, MS_PER_SECOND):
            self._end_second(boundary_ms)
        fair = self.path.prices_at(self._now_ms)
        blocks: list[Block] = [*self._release(), *self._trade(fair, before_ms), *self._quote(fair, before_ms)]
        updates = self._due(EventKind.PRICE_BANDS, before_ms)
        blocks += self._bands.between(before_ms, self._now_ms, self.path.prices_at, updates)
        return [block for block in blocks if len(block)]

    def _begin_day(self, time_ms: int) -> None:
        self._date = self.calendar.trading_day(time_ms).date
        self.path = self.path_of(self._date)
        self.state = MarketState(self.path, time_ms)
        cast = self._cast(self.path)
        self.halts = self._halts(cast)
        self._now_ms = time_ms
        self._rng = np.random.default_rng([self.seed, 6, time_ms])
        trades_of_day = self.path.day_volume / self.universe.average_trade_shares
        trades_of_day[list(cast.in_demand)] = trades_of_day.max() * _DEMAND
        self._activity = Activity(trades_of_day, self._rng)
        self._bands = PriceBandEvents(
            self.universe,
            self.path,
            self.halts,
            pressures=[move for move in cast.moves if isinstance(move, BandPressure)],
            activity=self._activity,
            rng=self._rng,
        )
        self._silent: tuple[int, ...] = ()
        self._held: list[_HeldBars] = []
        self._carry: dict[EventKind, float] = {}
        self._sequence: dict[EventKind, int] = {}

    def _cast(self, path: IntradayPath) -> Cast:
        """The scenario's cast on its day, an empty cast on any other day."""
        if path.day.date != self._scenario_date:
            return Cast()
        return cast_scenario(self._scenario, self.universe, path, self.start_ms)

    def _test_prices(self, date: dt.date) -> Sequence[PriceMove]:
        """The moves of test issues, only on the running day: so their price is far from their last close."""
        rows = np.flatnonzero(self.universe.is_test_issue).tolist() if date == self._date else ()
        return [Multiple(row, _TEST_PRICE) for row in rows]

    def _halts(self, cast: Cast) -> Sequence[Halt]:
        if cast.pauses is not None:
            return cast.pauses
        drawn = draw_halts(self.universe, self.path, self.seed)
        return tuple(halt for halt in drawn if halt.symbol_index not in cast.in_demand)

    def _due(self, kind: EventKind, before_ms: int) -> int:
        """How many events of a kind are due in this step; the fractional rest is carried over."""
        rate = {
            EventKind.TRADE: self._rates.trades_per_second,
            EventKind.QUOTE: self._rates.quotes_per_second,
            EventKind.PRICE_BANDS: self._rates.price_bands_per_second,
        }[kind]
        seconds = (self._now_ms - before_ms) / MS_PER_SECOND / self._speed
        exact = rate * seconds * self._busyness(before_ms) + self._carry.get(kind, 0.0)
        self._carry[kind] = exact - int(exact)
        return int(exact)

    def _busyness(self, time_ms: int) -> float:
        return self.rate_factor * self._usual_busyness(time_ms)

    def _usual_busyness(self, time_ms: int) -> float:
        if self._scenario.course is not None and self.day.date == self._scenario_date:
            return self._scenario.course.factor_at(time_ms, self.start_ms, self.day)
        return activity_at(self.day, time_ms) if self._rates.follows_session else 1.0

    def _update_halts(self, time_ms: int) -> None:
        silent = tuple(halt.symbol_index for halt in self.halts if halt.start_ms <= time_ms < halt.end_ms)
        if silent != self._silent:
            self._silent = silent
            self._activity.silence(np.array(silent, dtype=np.int64))

    def _end_second(self, end_ms: int) -> None:
        # The rate is updated once a minute: computing the chances of all symbols takes milliseconds.
        unit_ms = MS_PER_MINUTE if self._scenario.course is None else MS_PER_SECOND
        busyness = self._busyness(max(self.day.day_start_ms, (end_ms - 1) // unit_ms * unit_ms))
        rows = self._activity.traders(self._rates.aggregates_per_second * busyness / self._speed)
        bars = self._second_bars(rows, end_ms)
        opened = end_ms > self.day.regular_open_ms
        in_session = opened and end_ms <= self.day.regular_close_ms
        regular_open = self.path.official_open[rows] if in_session else None
        self.state.fold(bars, end_ms, regular_open=regular_open)
        self._hold(EventKind.SECOND_AGGREGATE, bars, end_ms, MS_PER_SECOND, _SECOND_BARS_SPREAD_MS)
        if end_ms % MS_PER_MINUTE == 0:
            minutes = self.state.end_minute(end_ms)
            self._hold(EventKind.MINUTE_AGGREGATE, minutes, end_ms, MS_PER_MINUTE, _MINUTE_BARS_SPREAD_MS)

    def _second_bars(self, rows: NDArray[np.int64], end_ms: int) -> Bars:
        fair = self.path.prices_at(end_ms)[rows]
        noise = _NOISE * self._rng.standard_normal((4, len(rows)))
        opening, closing = fair * (1 + noise[0]), fair * (1 + noise[1])
        high = round_price(np.maximum(opening, closing) * (1 + np.abs(noise[2])))
        low = round_price(np.minimum(opening, closing) * (1 - np.abs(noise[3])))
        opening, closing = round_price(opening), round_price(closing)
        before = self.state.accumulated_volume[rows]
        accumulated = np.maximum(self.path.accumulated_volume_at(end_ms)[rows], before + 1)
        volume = accumulated - before
        vwap = np.clip(np.round((opening + high + low + closing) / 4, 4), low, high)
        day_vwap = np.round((self.state.notional[rows] + volume * vwap) / accumulated, 4)
        trades = np.maximum(1, (volume / self.universe.average_trade_shares[rows]).astype(np.int64))
        return Bars(rows, opening, high, low, closing, vwap, volume, accumulated, day_vwap, trades)

    def _hold(self, kind: EventKind, bars: Bars, end_ms: int, window_ms: int, spread_ms: int) -> None:
        columns: dict[str, NDArray[Any]] = {
            "volume": bars.volume,
            "accumulated_volume": bars.accumulated_volume,
            "vwap": bars.vwap,
            "open": bars.open,
            "close": bars.close,
            "high": bars.high,
            "low": bars.low,
            "aggregate_vwap": bars.day_vwap,
            "average_size": np.maximum(1, bars.volume // bars.trades),
            "start_timestamp": np.full(len(bars.rows), end_ms - window_ms),
            "end_timestamp": np.full(len(bars.rows), end_ms),
        }
        if end_ms > self.day.regular_open_ms:
            columns["official_open_price"] = self.path.official_open[bars.rows]
        block = EventBlock(kind, self._symbols, bars.rows, columns)
        self._held.append(_HeldBars(block, end_ms, spread_ms))

    def _release(self) -> Iterator[EventBlock]:
        at_end = self._now_ms >= self.day.after_hours_end_ms
        for held in self._held:
            yield held.release(held.end_ms + held.spread_ms if at_end else self._now_ms)
        self._held = [held for held in self._held if not held.is_empty]

    def _trade(self, fair: Column, before_ms: int) -> Iterator[Block]:
        count = self._due(EventKind.TRADE, before_ms)
        rows = self._activity.prints(prototype_count(count))
        regular = self.day.session_at(before_ms) is MarketSession.REGULAR
        pool = self._regular_trades if regular else self._extended_trades
        picked = self._rng.integers(0, len(pool), len(rows))
        noise = 1 + _NOISE * self._rng.standard_normal(len(rows))
        all_times, numbers = self._times(count, before_ms), self._numbers(EventKind.TRADE, count)
        times, lag = all_times[: len(rows)], self._rng.integers(0, 20, len(rows))
        columns = {
            "price": round_price(fair[rows] * noise * pool.price_factor[picked]),
            "size": pool.size[picked],
            "fractional_size": pool.fractional_size[picked],
            "timestamp": times,
            "participant_timestamp": times - lag,
            "sequence_number": numbers[: len(rows)],
            "conditions": pool.conditions[picked],
            "exchange": pool.exchange[picked],
            "reporting_facility": pool.reporting_facility[picked],
            "tape": self.universe.tape[rows],
        }
        yield _repeated(EventBlock(EventKind.TRADE, self._symbols, rows, columns), all_times, numbers)

    def _quote(self, fair: Column, before_ms: int) -> Iterator[Block]:
        count = self._due(EventKind.QUOTE, before_ms)
        rows = self._activity.prints(prototype_count(count))
        pool = self._quotes
        picked = self._rng.integers(0, len(pool), len(rows))
        middle = fair[rows]
        bid, ask = quote_prices(middle, 1 + self._rng.random(len(rows)))
        for limit in self._bands.limit_states(before_ms):
            hold_at_band(bid, ask, rows == limit.row, limit)
        all_times, numbers = self._times(count, before_ms), self._numbers(EventKind.QUOTE, count)
        times = all_times[: len(rows)]
        columns = {
            "bid_price": bid,
            "bid_size": pool.bid_size[picked],
            "bid_exchange": pool.bid_exchange[picked],
            "ask_price": ask,
            "ask_size": pool.ask_size[picked],
            "ask_exchange": pool.ask_exchange[picked],
            "timestamp": times,
            "participant_timestamp": times,
            "sequence_number": numbers[: len(rows)],
            "is_regular": pool.is_regular[picked],
            "has_indicator": pool.has_indicator[picked],
            "tape": self.universe.tape[rows],
        }
        yield _repeated(EventBlock(EventKind.QUOTE, self._symbols, rows, columns), all_times, numbers)

    def _times(self, count: int, before_ms: int) -> NDArray[np.int64]:
        """Event times of a step: evenly spread and ascending."""
        return before_ms + np.arange(count) * (self._now_ms - before_ms) // max(1, count)

    def _numbers(self, kind: EventKind, count: int) -> NDArray[np.int64]:
        """Sequence numbers: ascending with gaps, from the day's start, and of equal length within a step."""
        steps: NDArray[np.int64] = np.cumsum(self._rng.integers(1, 4, count))
        if not count:
            return steps
        numbers = self._sequence.get(kind, 0) + steps
        if len(str(numbers[0])) != len(str(numbers[-1])):
            numbers = 10 ** len(str(numbers[-1])) + steps
        self._sequence[kind] = int(numbers[-1])
        return numbers


class _HeldBars:
    """Aggregates of one window, released evenly over `spread_ms` after the window's end."""

    def __init__(self, block: EventBlock, end_ms: int, spread_ms: int) -> None:
        self.end_ms: Final = end_ms
        self.spread_ms: Final = spread_ms
        self._block: Final = block
        self._released = 0

    @property
    def is_empty(self) -> bool:
        return self._released == len(self._block)

    def release(self, now_ms: int) -> EventBlock:
        part = min(1.0, (now_ms - self.end_ms) / self.spread_ms)
        start, self._released = self._released, max(self._released, int(len(self._block) * part))
        return self._block.chosen(slice(start, self._released))


def prototype_count(events: int) -> int:
    """How many of a step's events are drawn one by one; the others repeat these about equally often."""
    repeats = -(-events // MAX_PROTOTYPES)
    return -(-events // repeats) if repeats else 0


def _repeated(prototypes: EventBlock, times: NDArray[np.int64], numbers: NDArray[np.int64]) -> Block:
    return RepeatedBlock(prototypes, times, numbers) if len(times) > len(prototypes) else prototypes


def quote_prices(middle: Column, half_spread_ticks: Column) -> tuple[Column, Column]:
    """Rounded bid and ask around fair prices, at least two minimum price steps apart."""
    tick = np.where(middle >= 1, 0.01, 0.0001)
    half_spread = np.maximum(tick * half_spread_ticks, 0.0004 * middle)
    return round_price(np.maximum(middle - half_spread, tick)), round_price(middle + half_spread)


def hold_at_band(bid: Column, ask: Column, chosen: NDArray[np.bool_], limit: LimitState) -> None:
    """Set the best bid of the chosen quotes to the upper band, or the best offer to the lower band.

    The other side moves as far as needed, so that the quote is not crossed.
    """
    tick = 0.01 if limit.band >= 1 else 0.0001
    if limit.is_upper:
        bid[chosen] = limit.band
        ask[chosen] = round_price(np.maximum(ask[chosen], limit.band + tick))
    else:
        ask[chosen] = limit.band
        bid[chosen] = round_price(np.minimum(bid[chosen], limit.band - tick))


def _first_open_instant(calendar: TradingCalendar, start_ms: int) -> int:
    day = calendar.trading_day(start_ms)
    return start_ms if start_ms < day.after_hours_end_ms else day.next_day_start_ms


def _next_multiple(time_ms: int, unit_ms: int) -> int:
    """The first multiple of the unit after an instant."""
    return (time_ms // unit_ms + 1) * unit_ms
