"""The details of trades and quotes: sizes, venues, conditions. Drawn once into pools, then only picked.

A pool entry is a combination that occurs on the real tape; picking by index costs one NumPy operation per
field and batch and makes no Python object per event.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

_POOL_SIZE: Final = 8_192
_EXCHANGES: Final = (1, 2, 3, 7, 8, 10, 11, 12, 15, 17, 18, 19, 20, 21)
_OFF_EXCHANGE: Final = 4
_OFF_EXCHANGE_SHARE: Final = 0.38
_FRACTIONAL_SHARE: Final = 0.12
_TRF_IDS: Final = (201, 202, 203)
# (conditions, share of prints); absent means a plain trade. 12 is Form T, 37 odd lot, 14 intermarket sweep,
# 41 trade-through exempt; 2, 7, 10, 22, 52 and 53 must not move a last price.
_REGULAR_CONDITIONS: Final[tuple[tuple[tuple[int, ...] | None, float], ...]] = (
    (None, 0.33),
    ((37,), 0.27),
    ((14, 41), 0.16),
    ((14, 37, 41), 0.14),
    ((14,), 0.05),
    ((41,), 0.02),
    ((10,), 0.008),
    ((2,), 0.006),
    ((52,), 0.006),
    ((53,), 0.006),
    ((7,), 0.002),
    ((22,), 0.002),
)
_EXTENDED_CONDITIONS: Final[tuple[tuple[tuple[int, ...] | None, float], ...]] = (
    ((12,), 0.40),
    ((12, 37), 0.38),
    ((12, 14, 41), 0.12),
    ((12, 14, 37, 41), 0.10),
)
# Prints whose price was agreed elsewhere or earlier lie off the market.
_OFF_MARKET: Final = frozenset({2, 7, 10, 22, 52, 53})
_OFF_MARKET_WIDTH: Final = 0.03


class TradePool(msgspec.Struct, frozen=True):
    """Columns of trade details; `price_factor` is 1 for prints at the market."""

    size: NDArray[np.int64]
    exact_size: NDArray[Any]
    conditions: NDArray[Any]
    exchange: NDArray[np.int64]
    is_off_exchange: NDArray[np.bool_]
    trf_id: NDArray[Any]
    price_factor: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of combinations."""
        return len(self.size)


def build_trade_pool(rng: np.random.Generator, *, extended_hours: bool) -> TradePool:
    """A pool for the regular session, or for pre-market and after-hours (Form T on every print)."""
    table = _EXTENDED_CONDITIONS if extended_hours else _REGULAR_CONDITIONS
    shares = np.array([share for _, share in table])
    kinds = rng.choice(len(table), size=_POOL_SIZE, p=shares / shares.sum())
    odd_lot = np.array([37 in (table[kind][0] or ()) for kind in kinds])
    off_market = np.array([bool(_OFF_MARKET & set(table[kind][0] or ())) for kind in kinds])
    size = np.where(odd_lot, rng.integers(0, 100, _POOL_SIZE), 100 * rng.geometric(0.55, _POOL_SIZE))
    fractional = odd_lot & ((rng.random(_POOL_SIZE) < _FRACTIONAL_SHARE) | (size == 0))
    off_exchange = fractional | off_market | (rng.random(_POOL_SIZE) < _OFF_EXCHANGE_SHARE)
    return TradePool(
        size=size,
        exact_size=_exact_sizes(rng, size, fractional),
        conditions=_objects([table[kind][0] for kind in kinds]),
        exchange=np.where(off_exchange, _OFF_EXCHANGE, rng.choice(_EXCHANGES, size=_POOL_SIZE)),
        is_off_exchange=off_exchange,
        trf_id=_objects([int(rng.choice(_TRF_IDS)) if away else None for away in off_exchange]),
        price_factor=1 + off_market * rng.uniform(-_OFF_MARKET_WIDTH, _OFF_MARKET_WIDTH, _POOL_SIZE),
    )


class QuotePool(msgspec.Struct, frozen=True):
    """Columns of quote details; sizes in shares."""

    bid_size: NDArray[np.int64]
    ask_size: NDArray[np.int64]
    bid_exchange: NDArray[np.int64]
    ask_exchange: NDArray[np.int64]
    condition: NDArray[Any]
    indicators: NDArray[Any]

    def __len__(self) -> int:
        """Number of combinations."""
        return len(self.bid_size)


def build_quote_pool(rng: np.random.Generator) -> QuotePool:
    """A pool of quote details, the same at every hour."""
    return QuotePool(
        bid_size=100 * rng.geometric(0.3, _POOL_SIZE),
        ask_size=100 * rng.geometric(0.3, _POOL_SIZE),
        bid_exchange=rng.choice(_EXCHANGES, size=_POOL_SIZE),
        ask_exchange=rng.choice(_EXCHANGES, size=_POOL_SIZE),
        condition=_objects([1 if draw < 0.7 else None for draw in rng.random(_POOL_SIZE)]),
        indicators=_objects([(604,) if draw < 0.15 else None for draw in rng.random(_POOL_SIZE)]),
    )


def _exact_sizes(
    rng: np.random.Generator, size: NDArray[np.int64], fractional: NDArray[np.bool_]
) -> NDArray[Any]:
    """Sizes with six decimals for fractional prints; a size that truncates to 0 is then above 0."""
    parts = rng.integers(1, 1_000_000, len(size))
    return _objects(
        [
            f"{whole}.{part:06d}" if exact else None
            for whole, part, exact in zip(size.tolist(), parts.tolist(), fractional.tolist(), strict=True)
        ]
    )


def _objects(values: list[Any]) -> NDArray[Any]:
    """An object array with one entry per value, tuples included."""
    return np.fromiter(values, dtype=object, count=len(values))
