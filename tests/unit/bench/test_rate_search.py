"""The search for the highest rate that holds, on systems whose limit is known."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.search import SMALLEST_STEP, RateSearch

FIRST = 100_000


def trials(search: RateSearch, limit: int, headroom_factor: float = 1.0) -> Iterator[int]:
    """What a system does that holds up to `limit` and looks as if it bore a multiple of that."""
    while (rate := search.next_rate()) is not None:
        yield rate
        if rate <= limit:
            search.note_held(rate, headroom=headroom_factor * limit / rate)
        else:
            search.note_failed(rate)


@given(limit=st.integers(10_000, 2_000_000), headroom_factor=st.floats(0.99, 1.5))
def test_the_best_rate_is_close_below_the_limit_after_a_few_trials(
    limit: int, headroom_factor: float
) -> None:
    search = RateSearch(FIRST)
    tried = list(trials(search, limit, headroom_factor))
    assert limit / search.best <= SMALLEST_STEP * 1.02
    assert search.best <= limit
    assert len(tried) <= 16


def test_a_saturated_machine_is_not_asked_for_more() -> None:
    search = RateSearch(FIRST)
    search.note_held(FIRST, headroom=1.05)
    assert search.next_rate() is None
    assert search.best == FIRST


def test_a_cautious_look_at_the_headroom_does_not_end_the_climb() -> None:
    search = RateSearch(FIRST)
    assert list(trials(search, 206_000, headroom_factor=1.4))[-1] == pytest.approx(206_000, rel=0.06)


def test_nothing_holds_where_everything_fails() -> None:
    search = RateSearch(FIRST)
    search.note_failed(FIRST)
    assert search.best == 0
    assert search.next_rate() == 70_000
