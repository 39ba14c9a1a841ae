"""Who waits to be looked up, and whose turn it is. Pure.

A feed can name more symbols that nobody knows than may be asked for. What trades most is the likeliest to be
a newcomer, so it comes first. But a feed can also invent volume, so every third turn is drawn by lot: whoever
waits comes to be asked for.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Final

import numpy as np

from marketdata.payloads import RowBlock

MOST_WAITING: Final = 1_000
"""How many symbols one run looks at. The others are as likely to be among those of the next."""

EVENTS: Final = "events"
"""The column of the block of refused symbols: how many events each had."""

_VOLUME: Final = "accumulated_volume"


def lookup_order(
    rows: Iterable[RowBlock | None],
    refused: Iterable[RowBlock | None],
    *,
    known: Collection[str],
    chance: random.Random,
) -> Sequence[str]:
    """At most `MOST_WAITING` symbols that are not `known`, each once.

    `rows` are the shards' rows, `refused` the symbols that got none, with their events; None where there is
    nothing. The turns go round: the most traded of the rows, the one of the refused with the most events, and
    any of them all.
    """
    traded = _greatest_first(rows, _VOLUME, known)
    told = _greatest_first(refused, EVENTS, known)
    everyone = sorted({*traded, *told})
    drawn = chance.sample(everyone, min(MOST_WAITING, len(everyone)))
    turns = chain.from_iterable(zip_longest(traded, told, drawn))
    return list(dict.fromkeys(symbol for symbol in turns if symbol is not None))[:MOST_WAITING]


def _greatest_first(blocks: Iterable[RowBlock | None], column: str, known: Collection[str]) -> Sequence[str]:
    """The unknown symbols by a column, where that is absent last."""
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
