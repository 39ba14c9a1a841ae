"""Which deliveries one frame acknowledges together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.transport.rabbitmq.subscription import acknowledgement_frames


@pytest.mark.parametrize(
    ("unacknowledged", "done", "up_to", "single"),
    [
        ([1, 2, 3], {1, 2, 3}, 3, []),
        ([1, 2, 3], {1, 2}, 2, []),
        ([4, 5, 9, 10], {4, 5, 10}, 5, [10]),
        ([1, 2, 3], {3, 2}, None, [2, 3]),
        ([1, 2, 3], set(), None, []),
    ],
)
def test_what_leads_goes_in_one_frame(
    unacknowledged: list[int], done: set[int], up_to: int | None, single: list[int]
) -> None:
    assert acknowledgement_frames(unacknowledged, done) == (up_to, single)


@given(st.sets(st.integers(1, 60)), st.data())
def test_exactly_the_done_ones_are_acknowledged(numbers: set[int], data: st.DataObject) -> None:
    unacknowledged = sorted(numbers)
    done = data.draw(st.sets(st.sampled_from(unacknowledged))) if unacknowledged else set()
    up_to, single = acknowledgement_frames(unacknowledged, done)
    together = {number for number in unacknowledged if up_to is not None and number <= up_to}
    assert together | set(single) == done
    assert together.isdisjoint(single)
