"""The listed symbols of the synthetic market, with the facts that do not change from day to day.

Everything is drawn from the seed. Some tickers exist in reality; all names, prices, volumes and floats are
invented.
"""

import bisect
import enum
import string
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.errors import ConfigurationError
from marketdata.issues import is_test_issue

MAX_SYMBOLS: Final = 20_000
MIN_SYMBOLS: Final = 10
_MOST_TRADED: Final = (
    "SPY", "NVDA", "TSLA", "AAPL", "QQQ", "AMD", "PLTR", "F", "BAC", "INTC", "MSFT", "AMZN", "GOOGL", "META",
    "IWM", "T", "BRK.B", "JPM", "XOM", "KO", "DIS", "BRK.A", "GE", "C", "WMT", "V",
)  # fmt: skip
_NAME_STEMS: Final = (
    "Alder", "Basalt", "Cinder", "Dovetail", "Ember", "Foxglove", "Granite", "Harbor", "Iron Gate", "Juniper",
    "Kestrel", "Lantern", "Meridian", "Northfold", "Osprey", "Pinewood", "Quarry", "Redstone", "Saltmarsh",
    "Tidewater", "Umber", "Vantage Point", "Willow", "Yarrow", "Zephyr",
)  # fmt: skip
_NAME_TRADES: Final = (
    "Bancorp", "Biosciences", "Capital", "Energy", "Foods", "Holdings", "Logistics", "Materials", "Motors",
    "Networks", "Pharma", "Realty", "Robotics", "Semiconductor", "Software", "Therapeutics",
)  # fmt: skip
# Ticker lengths and their shares among US listings, roughly; five letters are mostly funds and warrants.
_LENGTHS: Final = (2, 3, 4, 5)
_LENGTH_SHARES: Final = (0.02, 0.28, 0.55, 0.15)
# (tape, primary exchange, share of listings): tape A New York, B Arca and American, C Nasdaq.
_LISTINGS: Final = (
    (1, "XNYS", 0.24),
    (2, "ARCX", 0.27),
    (2, "XASE", 0.03),
    (2, "BATS", 0.06),
    (3, "XNAS", 0.40),
)
_TEST_ISSUES: Final = ("ZVZZT", "NTEST.A")
_SUFFIXES: Final = (".A", ".B", "pA", "pM", ".WS", ".U")
_SUFFIX_SHARE: Final = 0.03
_TIER_ONE_SYMBOLS: Final = 1_500
_FLOAT_ROW_SHARE: Final = 0.96


class SecurityType(enum.Enum):
    """The type of a security."""

    COMMON_SHARE = enum.auto()
    DEPOSITARY_RECEIPT = enum.auto()
    FUND = enum.auto()
    PREFERRED_SHARE = enum.auto()
    UNIT = enum.auto()
    WARRANT = enum.auto()


class Universe(msgspec.Struct, frozen=True, kw_only=True):
    """All symbols in alphabetical order (by code point), column by column.

    `base_price` is dollars a share; `base_volume` shares of a normal day; `daily_volatility` the standard
    deviation of a day's logarithmic return; `average_trade_shares` the mean size of a print; `tape` 1 to 3;
    `tier` 1 or 2 of the limit-up/limit-down plan; `has_float` whether the float table has a row.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    security_types: tuple[SecurityType, ...]
    primary_exchanges: tuple[str, ...]
    tape: NDArray[np.int64]
    tier: NDArray[np.int64]
    base_price: NDArray[np.float64]
    base_volume: NDArray[np.float64]
    daily_volatility: NDArray[np.float64]
    average_trade_shares: NDArray[np.float64]
    shares_outstanding: NDArray[np.int64]
    free_float_shares: NDArray[np.int64]
    has_float: NDArray[np.bool_]
    index: Mapping[str, int]

    def __len__(self) -> int:
        """Number of symbols."""
        return len(self.symbols)

    @property
    def is_test_issue(self) -> NDArray[np.bool_]:
        """Which symbols are test issues."""
        return np.array([is_test_issue(symbol) for symbol in self.symbols])


def build_universe(seed: int, symbol_count: int) -> Universe:
    """Draw the universe from a seed.

    Raises:
        ConfigurationError: the number of symbols is out of range.
    """
    check_symbol_count(symbol_count)
    rng = np.random.default_rng([seed, 1])
    symbols = _draw_symbols(rng, symbol_count)
    listing = rng.choice(len(_LISTINGS), size=symbol_count, p=[share for _, _, share in _LISTINGS])
    exchanges = tuple(_LISTINGS[choice][1] for choice in listing)
    price, volume = _draw_prices_and_volumes(rng, symbols)
    volatility = 0.055 / (1 + np.log1p(price) / 2) * rng.lognormal(0, 0.35, symbol_count)
    outstanding = np.maximum(volume * rng.lognormal(4.2, 0.9, symbol_count), 200_000).astype(np.int64)
    return Universe(
        symbols=symbols,
        names=_draw_names(rng, symbol_count),
        security_types=_security_types(rng, symbols, exchanges),
        primary_exchanges=exchanges,
        tape=np.array([_LISTINGS[choice][0] for choice in listing], dtype=np.int64),
        tier=_tiers(price * volume),
        base_price=price,
        base_volume=volume,
        daily_volatility=np.clip(volatility, 0.004, 0.12),
        average_trade_shares=np.clip(60 + 900 / np.sqrt(price), 20, 1_500),
        shares_outstanding=outstanding,
        free_float_shares=(outstanding * rng.uniform(0.35, 0.99, symbol_count)).astype(np.int64),
        has_float=rng.random(symbol_count) < _FLOAT_ROW_SHARE,
        index={symbol: position for position, symbol in enumerate(symbols)},
    )


def check_symbol_count(symbol_count: int) -> None:
    """Refuse a universe that is too small to have movers, or larger than a real market.

    Raises:
        ConfigurationError: the number of symbols is out of range.
    """
    if not MIN_SYMBOLS <= symbol_count <= MAX_SYMBOLS:
        raise ConfigurationError(f"symbols must be {MIN_SYMBOLS} to {MAX_SYMBOLS}, got {symbol_count}")


def _draw_symbols(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Unique tickers: the most traded ones first, then random ones, some with a class or unit suffix."""
    chosen = dict.fromkeys(_MOST_TRADED[:count])
    letters = np.array(list(string.ascii_uppercase))
    while len(chosen) < count:
        length = int(rng.choice(_LENGTHS, p=_LENGTH_SHARES))
        root = "".join(rng.choice(letters, size=length))
        if rng.random() < _SUFFIX_SHARE:
            root = root[:3] + str(rng.choice(_SUFFIXES))
        chosen.setdefault(root)
    return _with_test_issues(sorted(chosen))


def _with_test_issues(symbols: list[str]) -> tuple[str, ...]:
    """Put each test issue in place of the nearest drawn symbol, so that other symbols keep their values."""
    for issue in _TEST_ISSUES:
        place = bisect.bisect(symbols, issue)
        drawn = [row for row, symbol in enumerate(symbols) if symbol not in {*_MOST_TRADED, *_TEST_ISSUES}]
        if drawn:
            del symbols[min(drawn, key=lambda row: abs(row + 0.5 - place))]
            bisect.insort(symbols, issue)
    return tuple(symbols)


def _draw_names(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    stems = rng.choice(_NAME_STEMS, size=count)
    trades = rng.choice(_NAME_TRADES, size=count)
    return tuple(f"{stem} {trade} Inc. (synthetic)" for stem, trade in zip(stems, trades, strict=True))


def _draw_prices_and_volumes(
    rng: np.random.Generator, symbols: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heavy-tailed prices and share volumes; the well-known tickers take the highest dollar volumes."""
    count = len(symbols)
    price = np.clip(rng.lognormal(2.8, 1.25, count), 0.15, 4_000)
    volume = np.clip(rng.lognormal(12.0, 2.1, count), 400, 90e6)
    position = {symbol: index for index, symbol in enumerate(symbols)}
    leaders = [position[symbol] for symbol in _MOST_TRADED if symbol in position]
    volume[leaders] = np.geomspace(80e6, 8e6, len(leaders))
    price[leaders] = rng.uniform(15, 600, len(leaders))
    return price, volume


def _security_types(
    rng: np.random.Generator, symbols: Sequence[str], exchanges: Sequence[str]
) -> tuple[SecurityType, ...]:
    fund = rng.random(len(symbols))
    types = []
    for symbol, exchange, draw in zip(symbols, exchanges, fund, strict=True):
        if symbol.endswith(".WS"):
            types.append(SecurityType.WARRANT)
        elif symbol.endswith(".U"):
            types.append(SecurityType.UNIT)
        elif symbol[-2:-1] == "p":
            types.append(SecurityType.PREFERRED_SHARE)
        elif exchange in {"ARCX", "BATS"}:
            types.append(SecurityType.FUND)
        else:
            types.append(SecurityType.DEPOSITARY_RECEIPT if draw < 0.06 else SecurityType.COMMON_SHARE)
    return tuple(types)


def _tiers(dollar_volume: NDArray[np.float64]) -> NDArray[np.int64]:
    tier = np.full(len(dollar_volume), 2, dtype=np.int64)
    leaders = min(_TIER_ONE_SYMBOLS, max(1, len(dollar_volume) // 7))
    tier[np.argsort(dollar_volume)[-leaders:]] = 1
    return tier
