"""Reference data from a seed: some known, some zero, some absent; for the oracle and for the platform."""

import datetime as dt
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from marketdata.payloads import Column, RowBlock
from marketdata.reference.volume_curve import VolumeCurve
from tests.oracle.reference import ReferenceData
from tests.oracle.terms import Row, Value
from tests.oracle.volume_curve import Curve

_ZERO_SHARE: Final = 0.05
_ABSENT_SHARE: Final = 0.1
_MINUTES: Final = 16 * 60


def invented_reference(
    prices: Mapping[str, float], as_of_ms: int, chance: random.Random, *, all_known: bool = False
) -> ReferenceData:
    """Facts of each symbol around its price; of some symbols, but never of all, nothing at all is known.

    With `all_known` something is known of every symbol.
    """
    chosen = [symbol for symbol in prices if chance.random() > _ABSENT_SHARE or all_known]
    known = chosen or [next(iter(prices))]
    return ReferenceData(
        rows={symbol: _facts(prices[symbol], chance) for symbol in known},
        as_of_ms=as_of_ms,
        curve=_curve(chance),
    )


def reference_block(reference: ReferenceData) -> RowBlock:
    """The facts as a row block: NaN for absent."""
    rows = list(reference.rows.values())
    return RowBlock(
        producer="reference",
        epoch=1,
        tick=1,
        published_ns=1,
        received_ns=0,
        market_time_ms=reference.as_of_ms,
        symbols=tuple(reference.rows),
        columns={name: _column([row[name] for row in rows]) for name in rows[0]},
    )


def volume_curve(reference: ReferenceData) -> VolumeCurve:
    """The curve as the platform stores it."""
    assert reference.curve is not None
    return VolumeCurve(
        shares=np.array(reference.curve.shares), symbols=("SPY",), sessions=1, last_date=dt.date.min
    )


def _column(values: Sequence[Value]) -> Column:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _facts(price: float, chance: random.Random) -> Row:
    volume = float(chance.randrange(10_000, 50_000_000))
    within_snapshot = chance.random() < 0.5
    known: Row = {
        "prev_day_open": round(price * chance.uniform(0.95, 1.05), 2),
        "prev_day_high": round(price * 1.06, 2),
        "prev_day_low": round(price * 0.94, 2),
        "prev_day_close": round(price, 2),
        "prev_day_volume": volume,
        "prev_day_vwap": round(price * chance.uniform(0.98, 1.02), 4),
        "avg_volume": volume * chance.uniform(0.5, 2),
        "free_float": float(chance.randrange(1_000_000, 900_000_000)),
        "average_true_range": round(price * 0.04, 4),
        "prev_day_short_sale_restricted": float(chance.random() < 0.2),
        "ticker_type": float(chance.randrange(5)),
        "nasdaq_listed": float(chance.random() < 0.5),
        "split_ratio": 2.0,
    }
    facts = {name: _perhaps(value, chance) for name, value in known.items()}
    facts["snapshot_high"] = round(price * chance.uniform(1, 1.02), 2) if within_snapshot else None
    facts["snapshot_low"] = round(price * chance.uniform(0.98, 1), 2) if within_snapshot else None
    return facts


def _perhaps(value: Value, chance: random.Random) -> Value:
    draw = chance.random()
    if draw < _ABSENT_SHARE:
        return None
    return 0.0 if draw < _ABSENT_SHARE + _ZERO_SHARE else value


def _curve(chance: random.Random) -> Curve:
    """Rises from 0 to 1, now faster, now slower, and in some minutes not at all."""
    traded = [max(0.0, chance.gauss(1, 1)) for _ in range(_MINUTES)]
    so_far = list(itertools.accumulate(traded, initial=0.0))
    return Curve((*(volume / so_far[-1] for volume in so_far[:-1]), 1.0))
