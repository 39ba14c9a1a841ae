"""How many connections a user may hold."""

from widgets.consumers import ConnectionLimit


def test_places_are_counted_for_each_user_and_given_back() -> None:
    limit = ConnectionLimit(most_per_user=1)
    with limit.held(1) as first, limit.held(2) as of_another, limit.held(1) as second:
        assert (first, of_another, second) == (True, True, False)
    with limit.held(1) as again:
        assert again
