"""Leaderboards as pure functions over columns: which rows compete, and who leads."""

import enum
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.store.keys import (
    HALTS,
    TOP_GAINERS,
    TOP_GAP_DOWNS,
    TOP_GAPPERS,
    TOP_LOSERS,
    TOP_TRADES,
    TOP_VOLUME,
)
from scanners.rows import Rows

Mask = NDArray[np.bool_]

BOARD_DEPTH: Final = 500


class Direction(enum.StrEnum):
    """Which end of a column leads."""

    HIGHEST_FIRST = "highest_first"
    LOWEST_FIRST = "lowest_first"


def present(values: Column) -> Mask:
    """Rows whose value is a number."""
    mask: Mask = np.isfinite(values)
    return mask


def above_zero(values: Column) -> Mask:
    """Rows whose value is a number greater than zero."""
    mask: Mask = np.isfinite(values) & (values > 0)
    return mask


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A leaderboard: the feed that shows it, the column that orders it, and who competes by that column.

    `further_columns` are what its rows tell beyond what those of all boards tell.
    """

    feed: str
    column: str
    direction: Direction = Direction.HIGHEST_FIRST
    eligible: Callable[[Column], Mask] = present
    depth: int = BOARD_DEPTH
    further_columns: tuple[str, ...] = ()


BOARDS: Final = (
    Board(feed=TOP_GAINERS, column="pct_change_since_open"),
    Board(feed=TOP_LOSERS, column="pct_change_since_open", direction=Direction.LOWEST_FIRST),
    Board(feed=TOP_GAPPERS, column="pct_change"),
    Board(feed=TOP_GAP_DOWNS, column="pct_change", direction=Direction.LOWEST_FIRST),
    Board(feed=TOP_VOLUME, column="accumulated_volume", eligible=above_zero),
    Board(
        feed=TOP_TRADES,
        column="trades_per_minute",
        eligible=above_zero,
        further_columns=(
            "trade_count",
            "trade_volume",
            "trade_average_size",
            "trade_largest_size",
            "trade_span_ms",
            "last_price",
            "last_size",
            "last_timestamp",
        ),
    ),
    Board(
        feed=HALTS,
        column="halt_timestamp",
        further_columns=(
            "halt_timestamp",
            "resume_timestamp",
            "halt_may_be_limit_pause",
            "earliest_reopening_timestamp",
            "limit_state",
            "limit_state_timestamp",
            "limit_pause_timestamp",
            "band_high",
            "band_low",
            "band_distance_pct",
            "nasdaq_listed",
        ),
    ),
)


def rank(
    values: Column,
    eligible: Mask,
    *,
    depth: int,
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
