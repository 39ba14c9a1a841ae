"""Which notices end which logins."""

import pytest

from mdp_site.accounts.logins import Login, end_notice

BY_SESSION = Login(user_id=1, username="ann", permissions=frozenset(), session_key="key")
BY_TOKEN = Login(user_id=1, username="ann", permissions=frozenset(), token_id=7)


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
    notice = end_notice(session_key, token_id)
    assert BY_SESSION.concerned_by(notice) is session_ends
    assert BY_TOKEN.concerned_by(notice) is token_ends
