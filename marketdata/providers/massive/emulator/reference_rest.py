"""Reference data by REST: market status, holidays, tickers, floats, splits, conditions, exchanges."""

import datetime as dt
import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from marketdata.providers.massive.emulator.codes import CONDITIONS, EXCHANGES, SECURITY_TYPES
from marketdata.providers.massive.emulator.rest_answers import PagedRows, Query, RestError
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.splits import SimulatedSplit, SplitHistory
from marketdata.trading_calendar import MarketSession
from marketdata.trading_calendar.exchange import Holiday
from marketdata.units import MS_PER_SECOND

_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "": operator.eq,
    ".gt": operator.gt,
    ".gte": operator.ge,
    ".lt": operator.lt,
    ".lte": operator.le,
}
_STATUS: Final = {
    MarketSession.CLOSED: "closed",
    MarketSession.PRE_MARKET: "extended-hours",
    MarketSession.AFTER_HOURS: "extended-hours",
    MarketSession.REGULAR: "open",
}
_HOLIDAY_EXCHANGES: Final = ("NYSE", "NASDAQ", "OTC")
_HOLIDAY_HORIZON: Final = dt.timedelta(days=270)


class ReferenceRest:
    """Answers from the universe, the calendar and the market's own time."""

    def __init__(self, market: Market, holidays: Sequence[Holiday], splits: SplitHistory) -> None:
        self._market: Final = market
        self._holidays: Final = holidays
        self._splits: Final = splits

    def market_status(self, _query: Query) -> Mapping[str, Any]:
        """The state of the market now. `serverTime` is market time with the offset of New York."""
        market = self._market
        return status_of_market(
            market.day.session_at(market.now_ms), market.calendar.local_time(market.now_ms)
        )

    def upcoming_holidays(self, _query: Query) -> Sequence[Mapping[str, Any]]:
        """A bare array with one row per exchange and day, for some months ahead."""
        today = self._market.day.date
        return [
            {"exchange": exchange, "name": holiday.name, "date": holiday.date.isoformat(), **_hours(holiday)}
            for holiday in self._holidays
            if today <= holiday.date <= today + _HOLIDAY_HORIZON
            for exchange in _HOLIDAY_EXCHANGES
        ]

    def floats(self, query: Query) -> PagedRows:
        """Free float of the tickers that have a row. The request id is an integer here, unlike elsewhere."""
        universe, today = self._market.universe, self._market.day.date
        yesterday = today - dt.timedelta(days=1)
        render = functools.partial(self._float, yesterday, self._splits.ratios_since(yesterday, today))
        listed = (row for row in self._listed(query) if universe.has_float[row])
        return PagedRows(
            rows=list(listed), render=render, default_limit=100, max_limit=5_000, integer_request_id=True
        )

    def tickers(self, query: Query) -> PagedRows:
        """Listed tickers, filtered by ticker, type, exchange and market."""
        universe, wanted_type, wanted_exchange = (
            self._market.universe,
            query.text("type"),
            query.text("exchange"),
        )
        rows = [
            row
            for row in self._listed(query)
            if wanted_type in {"", SECURITY_TYPES[universe.security_types[row]]}
            and wanted_exchange in {"", universe.primary_exchanges[row]}
        ]
        nothing = query.text("market", "stocks") != "stocks" or query.text("active", "true") != "true"
        return PagedRows(
            rows=[] if nothing else rows, render=self._ticker, default_limit=100, max_limit=1_000
        )

    def ticker_details(self, query: Query) -> Mapping[str, Any]:
        """All that is known about one ticker; 404 when it is not listed."""
        row = self._market.universe.index.get(query.text("ticker"))
        if row is None:
            raise RestError(404)
        universe = self._market.universe
        outstanding = int(universe.shares_outstanding[row])
        details = {
            **self._ticker(row),
            "market_cap": round(outstanding * float(self._market.path.previous_close[row]), 2),
            "share_class_shares_outstanding": outstanding,
            "weighted_shares_outstanding": outstanding,
            "ticker_root": universe.symbols[row].partition(".")[0],
            "round_lot": 100,
            "description": "A company of the simulated market.",
        }
        return {"status": "OK", "results": details}

    def stock_splits(self, query: Query) -> PagedRows:
        """Splits with their kind and adjustment factor, the newest first."""
        return PagedRows(
            rows=list(self._chosen_splits(query)),
            render=_split_body,
            default_limit=100,
            max_limit=5_000,
        )

    def splits(self, query: Query) -> PagedRows:
        """Splits in the older form, the newest first."""
        names = ("id", "ticker", "execution_date", "split_from", "split_to")
        return PagedRows(
            rows=list(self._chosen_splits(query)),
            render=lambda split: {name: _split_body(split)[name] for name in names},
            default_limit=10,
            max_limit=1_000,
        )

    def conditions(self, query: Query) -> PagedRows:
        """Trade and quote conditions; ids are unique only within a data type."""
        data_type = query.text("data_type")
        rows = [row for row in CONDITIONS if not data_type or data_type in row["data_types"]]
        if query.text("asset_class", "stocks") != "stocks":
            rows = []
        return PagedRows(rows=rows, render=lambda row: row, default_limit=10, max_limit=1_000)

    def exchanges(self, query: Query) -> Mapping[str, Any]:
        """Exchange ids of the stock market, in one answer."""
        rows = EXCHANGES if query.text("asset_class", "stocks") == "stocks" else ()
        return {"status": "OK", "count": len(rows), "results": rows}

    def _listed(self, query: Query) -> Iterator[int]:
        """Rows of the universe that the ticker filters let through, in order of ticker."""
        any_of = query.names("ticker.any_of")
        accepts = _comparison(query, "ticker")
        symbols = self._market.universe.symbols
        rows = range(len(symbols) - 1, -1, -1) if query.text("order") == "desc" else range(len(symbols))
        return (row for row in rows if (any_of is None or symbols[row] in any_of) and accepts(symbols[row]))

    def _chosen_splits(self, query: Query) -> Iterator[SimulatedSplit]:
        by_ticker, by_date = _comparison(query, "ticker"), _comparison(query, "execution_date")
        return (
            split
            for split in self._splits.until(self._market.day.date)
            if by_ticker(split.ticker) and by_date(split.execution_date.isoformat())
        )

    def _float(self, effective_date: dt.date, ratios: Mapping[int, float], row: int) -> Mapping[str, Any]:
        """The float in the shares of its effective date: later splits (`ratios`) are not in it."""
        universe = self._market.universe
        free, outstanding = int(universe.free_float_shares[row]), int(universe.shares_outstanding[row])
        return {
            "ticker": universe.symbols[row],
            "effective_date": effective_date.isoformat(),
            "free_float": round(free / ratios.get(row, 1.0)),
            "free_float_percent": round(100 * free / outstanding, 2),
        }

    def _ticker(self, row: int) -> Mapping[str, Any]:
        universe = self._market.universe
        return {
            "ticker": universe.symbols[row],
            "name": universe.names[row],
            "market": "stocks",
            "locale": "us",
            "primary_exchange": universe.primary_exchanges[row],
            "type": SECURITY_TYPES[universe.security_types[row]],
            "active": True,
            "currency_name": "usd",
            "last_updated_utc": f"{self._market.day.date.isoformat()}T00:00:00Z",
        }


def status_of_market(session: MarketSession, local_time: dt.datetime) -> Mapping[str, Any]:
    """The body of the market status: the state of the market, and the time in New York with its offset."""
    state = _STATUS[session]
    return {
        "market": state,
        "earlyHours": session is MarketSession.PRE_MARKET,
        "afterHours": session is MarketSession.AFTER_HOURS,
        "serverTime": local_time.isoformat(timespec="seconds"),
        "exchanges": {"nyse": state, "nasdaq": state, "otc": "open" if state == "open" else "closed"},
        "currencies": {"fx": "open", "crypto": "open"},
    }


def _split_body(split: SimulatedSplit) -> Mapping[str, Any]:
    return {
        "id": f"S{split.execution_date:%Y%m%d}{split.row}",
        "ticker": split.ticker,
        "execution_date": split.execution_date.isoformat(),
        "split_from": split.split_from,
        "split_to": split.split_to,
        "adjustment_type": "forward_split" if split.split_to > split.split_from else "reverse_split",
        "historical_adjustment_factor": split.split_from / split.split_to,
    }


def _comparison(query: Query, field: str) -> Callable[[str], bool]:
    """The test that the parameters `field`, `field.gt`, `field.gte`, `field.lt` and `field.lte` ask for."""
    tests = [
        (compare, query.text(field + suffix))
        for suffix, compare in _COMPARISONS.items()
        if query.text(field + suffix)
    ]
    return lambda value: all(compare(value, bound) for compare, bound in tests)


def _hours(holiday: Holiday) -> Mapping[str, str]:
    if holiday.open_ms is None or holiday.close_ms is None:
        return {"status": "closed"}
    return {"status": "early-close", "open": _utc(holiday.open_ms), "close": _utc(holiday.close_ms)}


def _utc(time_ms: int) -> str:
    instant = dt.datetime.fromtimestamp(time_ms / MS_PER_SECOND, tz=dt.UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
