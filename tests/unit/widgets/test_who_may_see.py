"""Permissions of users, ends of logins, and the number of connections."""

import pytest
from django.contrib.auth.models import AnonymousUser

from marketdata.schema.boards import TOP_GAINERS
from mdp_site.models import User
from widgets.catalog import feed_of
from widgets.consumers import ConnectionLimit
from widgets.consumers.login import Login
from widgets.permissions import may_see


@pytest.mark.parametrize(
    "name",
    [TOP_GAINERS, "quote:AAPL", "trades:AAPL", "halts", "halts:AAPL", "daily_range_hod_alert", "status"],
)
def test_whoever_is_logged_in_sees_every_feed(name: str) -> None:
    feed = feed_of(name)
    assert may_see(User(username="ada"), feed)
    assert not may_see(User(username="gone", is_active=False), feed)
    assert not may_see(AnonymousUser(), feed)


BY_SESSION = Login(1, "key", None)
BY_TOKEN = Login(1, None, 7)


@pytest.mark.parametrize(
    ("session_key", "token_id", "session_ends", "token_ends"),
    [
        (None, None, True, True),
        ("key", None, True, False),
        ("other", None, False, False),
        (None, 7, False, True),
        (None, 8, False, False),
    ],
)
def test_a_notice_ends_the_logins_that_it_names(
    session_key: str | None, token_id: int | None, session_ends: bool, token_ends: bool
) -> None:
    notice = {"type": "session.ended", "session_key": session_key, "token_id": token_id}
    assert BY_SESSION.concerned_by(notice) is session_ends
    assert BY_TOKEN.concerned_by(notice) is token_ends


def test_places_are_counted_for_each_user_and_given_back() -> None:
    limit = ConnectionLimit(most_per_user=1)
    with limit.held(1) as first, limit.held(2) as of_another, limit.held(1) as second:
        assert (first, of_another, second) == (True, True, False)
    with limit.held(1) as again:
        assert again
