"""The details of trades and quotes: sizes, venues, conditions. They are drawn once, into pools.

A row of a pool is a combination that occurs in the real market. Picking rows by index costs one NumPy
operation per column and step, and no Python object per event.
"""

import enum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

_POOL_SIZE: Final = 8_192
_EXCHANGES: Final = (
    "XASE", "XBOS", "XCIS", "EDGA", "EDGX", "XNYS", "ARCX", "XNAS", "IEXG", "XPHL", "BATY", "BATS", "EPRL",
    "MEMX",
)  # fmt: skip
VENUES: Final = (*_EXCHANGES, "FINR")
"""The venues of trades by market identifier code (ISO 10383); the last one is FINRA: off exchange."""

_OFF_EXCHANGE: Final = len(_EXCHANGES)
_OFF_EXCHANGE_SHARE: Final = 0.38
_FRACTIONAL_SHARE: Final = 0.12
_REPORTING_FACILITIES: Final = 3


class TradeCondition(enum.IntFlag):
    """The special conditions of a trade; 0 is a regular trade."""

    AVERAGE_PRICE = enum.auto()
    CASH_SALE = enum.auto()
    DERIVATIVELY_PRICED = enum.auto()
    EXTENDED_HOURS = enum.auto()
    """Form T."""
    INTERMARKET_SWEEP = enum.auto()
    PRIOR_REFERENCE_PRICE = enum.auto()
    ODD_LOT = enum.auto()
    TRADE_THROUGH_EXEMPT = enum.auto()
    CONTINGENT = enum.auto()
    QUALIFIED_CONTINGENT = enum.auto()


_SWEEP_EXEMPT: Final = TradeCondition.INTERMARKET_SWEEP | TradeCondition.TRADE_THROUGH_EXEMPT
# (conditions, share of prints)
_REGULAR_CONDITIONS: Final[tuple[tuple[TradeCondition, float], ...]] = (
    (TradeCondition(0), 0.33),
    (TradeCondition.ODD_LOT, 0.27),
    (_SWEEP_EXEMPT, 0.16),
    (_SWEEP_EXEMPT | TradeCondition.ODD_LOT, 0.14),
    (TradeCondition.INTERMARKET_SWEEP, 0.05),
    (TradeCondition.TRADE_THROUGH_EXEMPT, 0.02),
    (TradeCondition.DERIVATIVELY_PRICED, 0.008),
    (TradeCondition.AVERAGE_PRICE, 0.006),
    (TradeCondition.CONTINGENT, 0.006),
    (TradeCondition.QUALIFIED_CONTINGENT, 0.006),
    (TradeCondition.CASH_SALE, 0.002),
    (TradeCondition.PRIOR_REFERENCE_PRICE, 0.002),
)
_EXTENDED_CONDITIONS: Final[tuple[tuple[TradeCondition, float], ...]] = (
    (TradeCondition.EXTENDED_HOURS, 0.40),
    (TradeCondition.EXTENDED_HOURS | TradeCondition.ODD_LOT, 0.38),
    (TradeCondition.EXTENDED_HOURS | _SWEEP_EXEMPT, 0.12),
    (TradeCondition.EXTENDED_HOURS | _SWEEP_EXEMPT | TradeCondition.ODD_LOT, 0.10),
)
# Trades whose price was agreed elsewhere or earlier have prices away from the market.
_OFF_MARKET: Final = (
    TradeCondition.AVERAGE_PRICE
    | TradeCondition.CASH_SALE
    | TradeCondition.DERIVATIVELY_PRICED
    | TradeCondition.PRIOR_REFERENCE_PRICE
    | TradeCondition.CONTINGENT
    | TradeCondition.QUALIFIED_CONTINGENT
)
_OFF_MARKET_WIDTH: Final = 0.03


class TradePool(msgspec.Struct, frozen=True):
    """Columns of trade details; `price_factor` is 1 for prints at the market.

    `fractional_size` is NaN where `size` is exact, `reporting_facility` 0 on an exchange.
    """

    size: NDArray[np.int64]
    fractional_size: NDArray[np.float64]
    conditions: NDArray[np.int64]
    exchange: NDArray[np.int64]
    reporting_facility: NDArray[np.int64]
    price_factor: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of combinations."""
        return len(self.size)


def build_trade_pool(rng: np.random.Generator, *, extended_hours: bool) -> TradePool:
    """A pool for the regular session, or for pre-market and after-hours (Form T on every print)."""
    table = _EXTENDED_CONDITIONS if extended_hours else _REGULAR_CONDITIONS
    shares = np.array([share for _, share in table])
    kinds = rng.choice(len(table), size=_POOL_SIZE, p=shares / shares.sum())
    conditions = np.array([flags for flags, _ in table], dtype=np.int64)[kinds]
    odd_lot = conditions & TradeCondition.ODD_LOT != 0
    off_market = conditions & _OFF_MARKET != 0
    size = np.where(odd_lot, rng.integers(0, 100, _POOL_SIZE), 100 * rng.geometric(0.55, _POOL_SIZE))
    fractional = odd_lot & ((rng.random(_POOL_SIZE) < _FRACTIONAL_SHARE) | (size == 0))
    off_exchange = fractional | off_market | (rng.random(_POOL_SIZE) < _OFF_EXCHANGE_SHARE)
    return TradePool(
        size=size,
        fractional_size=_fractional_sizes(rng, size, fractional),
        conditions=conditions,
        exchange=np.where(off_exchange, _OFF_EXCHANGE, rng.choice(len(_EXCHANGES), size=_POOL_SIZE)),
        reporting_facility=np.array(
            [1 + rng.choice(_REPORTING_FACILITIES) if away else 0 for away in off_exchange]
        ),
        price_factor=1 + off_market * rng.uniform(-_OFF_MARKET_WIDTH, _OFF_MARKET_WIDTH, _POOL_SIZE),
    )


class QuotePool(msgspec.Struct, frozen=True):
    """Columns of quote details; sizes in shares."""

    bid_size: NDArray[np.int64]
    ask_size: NDArray[np.int64]
    bid_exchange: NDArray[np.int64]
    ask_exchange: NDArray[np.int64]
    is_regular: NDArray[np.bool_]
    has_indicator: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of combinations."""
        return len(self.bid_size)


def build_quote_pool(rng: np.random.Generator) -> QuotePool:
    """A pool of quote details, the same at every hour."""
    return QuotePool(
        bid_size=100 * rng.geometric(0.3, _POOL_SIZE),
        ask_size=100 * rng.geometric(0.3, _POOL_SIZE),
        bid_exchange=rng.choice(len(_EXCHANGES), size=_POOL_SIZE),
        ask_exchange=rng.choice(len(_EXCHANGES), size=_POOL_SIZE),
        is_regular=rng.random(_POOL_SIZE) < 0.7,
        has_indicator=rng.random(_POOL_SIZE) < 0.15,
    )


def _fractional_sizes(
    rng: np.random.Generator, size: NDArray[np.int64], fractional: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Sizes with six decimals for fractional prints; a size that truncates to 0 is then above 0."""
    millionths = rng.integers(1, 1_000_000, len(size))
    return np.where(fractional, size + millionths / 1_000_000, np.nan)
