"""The boards of the benchmarks change as much as those that were counted in the demo."""

import numpy as np
import pytest
from numpy.typing import NDArray

from marketdata.schema.columns import Unit
from marketdata.schema.stored import SCHEMA
from tests.bench.moving_board import ROWS, MovingBoard
from tests.bench.producer import FEEDS

TICKS = 30


def shown(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values as the protocol rounds them."""
    return np.round(values, 4 if SCHEMA.columns[name].unit is Unit.DOLLARS else 2)


def changes(feed: str, seconds: float) -> tuple[float, float, float]:
    """Per tick: rows that changed or are new, changed cells of the others, symbols that are new."""
    board = MovingBoard(feed, seed=1)
    symbols, columns = board.advance(seconds)
    totals = np.zeros(3)
    for _ in range(TICKS):
        before, values_before = {symbol: row for row, symbol in enumerate(symbols)}, columns
        symbols, columns = board.advance(seconds)
        kept = [(before[symbol], row) for row, symbol in enumerate(symbols) if symbol in before]
        old, new = (np.array(rows) for rows in zip(*kept, strict=True))
        differs = np.array(
            [shown(name, values_before[name])[old] != shown(name, columns[name])[new] for name in columns]
        )
        fresh = ROWS - len(kept)
        totals += (differs.any(axis=0).sum() + fresh, differs.sum(), fresh)
    rows, cells, fresh = totals / TICKS
    return float(rows), float(cells), float(fresh)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_board_changes_as_in_the_first_minutes_of_the_demo(feed: str) -> None:
    rows, cells, replaced = changes(feed, 1)
    assert 370 <= rows <= 420
    assert 1_100 <= cells <= 1_600
    assert replaced <= 95


def test_a_quarter_of_a_second_has_about_a_quarter_of_the_changes() -> None:
    rows, cells, _replaced = changes(FEEDS[0], 0.25)
    assert 80 <= rows <= 130
    assert 250 <= cells <= 450


def test_symbols_are_ranked_and_shown_once() -> None:
    symbols, columns = MovingBoard(FEEDS[0], seed=2).advance(1)
    assert len(set(symbols)) == len(symbols) == ROWS
    assert (np.diff(columns["pct_change_since_open"]) <= 0).all()


def test_a_seed_gives_one_course() -> None:
    first, second = (MovingBoard(FEEDS[0], seed=3).advance(1) for _ in range(2))
    assert first[0] == second[0]
    assert all((first[1][name] == second[1][name]).all() for name in first[1])
