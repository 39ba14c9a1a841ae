"""Ranking of a leaderboard, as pure functions over columns: which rows compete, and in which order."""

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.schema import Board, Direction
from scanners.rows import Rows

Mask = NDArray[np.bool_]

BOARD_DEPTH = 500
"""The maximum number of symbols on a board."""


def competing(board: Board, values: Column) -> Mask:
    """Which rows compete on a board. `values` is the column that ranks the board."""
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
    """The first `depth` eligible rows, best first. Equal values are sorted by ascending `tie_order`.

    Only rows that can reach the first `depth` ranks are sorted: a full sort of the market would cost more.
    NaN never ranks. The result depends only on `values` and `tie_order`, not on the order of the rows.
    """
    candidates = np.flatnonzero(eligible & ~np.isnan(values))
    keys = values[candidates] if direction is Direction.LOWEST_FIRST else -values[candidates]
    if len(candidates) > depth > 0:
        last_ranked = np.partition(keys, depth - 1)[depth - 1]
        contending = keys <= last_ranked
        candidates, keys = candidates[contending], keys[contending]
    order = np.lexsort((tie_order[candidates], keys))
    ranked: Rows = candidates[order[:depth]]
    return ranked
