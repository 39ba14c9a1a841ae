"""Decides in which order unknown symbols are looked up. No I/O.

A feed can contain more unknown symbols than one run may request. The symbol with the most volume is most
likely a newcomer, so it comes first. But a feed can also contain invented volume, so every third symbol is
drawn by lot: in the end every waiting symbol is looked up.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Final

import numpy as np

from marketdata.payloads import RowBlock

MAX_SYMBOLS_PER_RUN: Final = 1_000
"""How many symbols one run considers. The others have the same chance in the next run."""

EVENTS: Final = "events"
"""The column of the block of refused symbols with the number of events of each."""

_VOLUME: Final = "accumulated_volume"


def lookup_order(
    rows: Iterable[RowBlock | None],
    refused: Iterable[RowBlock | None],
    *,
    known: Collection[str],
    chance: random.Random,
) -> Sequence[str]:
    """At most `MAX_SYMBOLS_PER_RUN` symbols that are not `known`, each once.

    `rows` are the shards' rows; `refused` are the symbols that got no row, with their events. None stands for
    a missing block. The order alternates: the next symbol by volume among the rows, the next by events among
    the refused ones, and any symbol by lot.
    """
    by_volume = _greatest_first(rows, _VOLUME, known)
    by_events = _greatest_first(refused, EVENTS, known)
    waiting = sorted({*by_volume, *by_events})
    by_lot = chance.sample(waiting, min(MAX_SYMBOLS_PER_RUN, len(waiting)))
    turns = chain.from_iterable(zip_longest(by_volume, by_events, by_lot))
    return list(dict.fromkeys(symbol for symbol in turns if symbol is not None))[:MAX_SYMBOLS_PER_RUN]


def _greatest_first(blocks: Iterable[RowBlock | None], column: str, known: Collection[str]) -> Sequence[str]:
    """The unknown symbols, greatest value of a column first. Symbols without a value are last."""
    valued = [
        (value, symbol)
        for block in blocks
        if block is not None
        for symbol, value in zip(block.symbols, _values(block, column), strict=True)
        if symbol not in known
    ]
    return [symbol for _, symbol in sorted(valued, key=lambda each: (-each[0], each[1]))]


def _values(block: RowBlock, column: str) -> Sequence[float]:
    absent = np.full(len(block), np.nan)
    values: list[float] = np.nan_to_num(block.columns.get(column, absent), nan=-1.0).tolist()
    return values
