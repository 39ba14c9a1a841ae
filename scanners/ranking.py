"""Leaderboards as pure functions over columns: which rows compete, and who leads."""

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.schema import Board, Direction
from scanners.rows import Rows

Mask = NDArray[np.bool_]

BOARD_DEPTH = 500
"""How many symbols a board has at most."""


def competing(board: Board, values: Column) -> Mask:
    """Rows that compete on a board, whose values are those of the column that ranks it."""
    mask: Mask = np.isfinite(values)
    if board.only_above_zero:
        mask &= values > 0
    return mask


def rank(
    values: Column,
    eligible: Mask,
    *,
    depth: int = BOARD_DEPTH,
    tie_order: Rows,
    direction: Direction = Direction.HIGHEST_FIRST,
) -> Rows:
    """The first `depth` eligible rows, best first; equal values stand in ascending `tie_order`.

    Only the rows up to the value of the last place are sorted: all that are better, and all that tie
    for it. NaN never ranks. The result depends on values and `tie_order` alone, not on the order of rows.
    """
    candidates = np.flatnonzero(eligible & ~np.isnan(values))
    keys = values[candidates] if direction is Direction.LOWEST_FIRST else -values[candidates]
    if len(candidates) > depth > 0:
        last_place = np.partition(keys, depth - 1)[depth - 1]
        contending = keys <= last_place
        candidates, keys = candidates[contending], keys[contending]
    order = np.lexsort((tie_order[candidates], keys))
    ranked: Rows = candidates[order[:depth]]
    return ranked
