"""Rows of REST answers that a careful reader sets aside: listed twice, outdated, or of another day."""

import datetime as dt
from typing import Any, Final

from marketdata.providers.massive.emulator.hostile_events import (
    SUB_PENNY,
    SUB_PENNY_PRICE,
    TEST_ISSUE,
    TEST_ISSUE_CLOSE,
)

Row = dict[str, Any]

ZERO: Final = "ZROQ"
"""A symbol whose close and float are 0 in all answers."""

ABSURD_HIGH: Final = 1_000_000
_EVERY: Final = 5
_YEAR: Final = dt.timedelta(days=365)
_THREE_DAYS_NS: Final = 3 * 86_400 * 10**9


def _bar(symbol: str, price: float, volume: int) -> Row:
    return {"T": symbol, **dict.fromkeys(("o", "h", "l", "c", "vw"), price), "v": volume, "t": 0, "n": 1}


def _ticker(symbol: str, name: str) -> Row:
    return {
        "ticker": symbol,
        "name": name,
        "market": "stocks",
        "locale": "us",
        "primary_exchange": "XNAS",
        "type": "CS",
        "active": True,
        "currency_name": "usd",
        "last_updated_utc": "2026-01-02T00:00:00Z",
    }


UNUSUAL_BARS: Final = [
    _bar(TEST_ISSUE, TEST_ISSUE_CLOSE, 1_000),
    _bar(SUB_PENNY, SUB_PENNY_PRICE, 5_000_000),
    _bar(ZERO, 0.0, 0),
]
UNUSUAL_TICKERS: Final = [
    _ticker(TEST_ISSUE, "NASDAQ TEST STOCK"),
    _ticker(SUB_PENNY, "A twentieth of a cent (synthetic)"),
    _ticker(ZERO, "Nothing at all (synthetic)"),
]
UNUSUAL_FLOATS: Final = [
    {"ticker": SUB_PENNY, "effective_date": "2026-01-02", "free_float": 10**9, "free_float_percent": 90.0},
    {"ticker": ZERO, "effective_date": "2026-01-02", "free_float": 0, "free_float_percent": 0.0},
]


def bars_twice(rows: list[Row]) -> list[Row]:
    """Every fifth bar once more, without volume and at three times the price."""
    return _twice(rows, _untraded)


def tickers_twice(rows: list[Row]) -> list[Row]:
    """Every fifth ticker once more, as of a year before."""
    return _twice(rows, _older_ticker)


def floats_twice(rows: list[Row]) -> list[Row]:
    """Every fifth float once more, as of a year before."""
    return _twice(rows, _older_float)


def splits_twice(rows: list[Row]) -> list[Row]:
    """Every split once more under another id."""
    return [each for row in rows for each in (row, row | {"id": f"{row['id']}-again"})]


def with_row_of_1970(rows: list[Row]) -> list[Row]:
    """The first ticker of the snapshot once more, as of the first second of 1970."""
    return [*rows, _absurd(rows[0], 1)]


def with_row_ahead(rows: list[Row]) -> list[Row]:
    """The last ticker of the snapshot once more, as of three days later."""
    return [_absurd(rows[-1], int(rows[-1]["updated"]) + _THREE_DAYS_NS), *rows]


def _twice(rows: list[Row], changed: Any) -> list[Row]:
    """The changed row stands now before the good one, now after it."""
    found: list[Row] = []
    for place, row in enumerate(rows):
        turn, rest = divmod(place, _EVERY)
        pair = [row] if rest else [row, changed(row)]
        found += pair[::-1] if turn % 2 else pair
    return found


def _untraded(bar: Row) -> Row:
    prices = {name: round(bar[name] * 3, 4) for name in ("o", "h", "l", "c")}
    return {**bar, **prices, "v": 0, "n": 0}


def _older_ticker(ticker: Row) -> Row:
    date = dt.datetime.fromisoformat(ticker["last_updated_utc"]) - _YEAR
    old = {"name": "Formerly (synthetic)", "type": "FUND", "primary_exchange": "XASE"}
    return {**ticker, **old, "last_updated_utc": date.isoformat().replace("+00:00", "Z")}


def _older_float(row: Row) -> Row:
    date = dt.date.fromisoformat(row["effective_date"]) - _YEAR
    return {**row, "effective_date": date.isoformat(), "free_float": row["free_float"] * 3}


def _absurd(row: Row, updated_ns: int) -> Row:
    day = dict.fromkeys(("o", "h", "l", "c", "vw"), ABSURD_HIGH) | {"v": 1, "dv": "1.0"}
    return {**row, "updated": updated_ns, "day": day}
