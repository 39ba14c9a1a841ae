"""Which notices end which logins, and until when a login holds."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.test import Client

from mdp_site.accounts import roles
from mdp_site.accounts.logins import Login, end_notice
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.roles import Role

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
    assert BY_SESSION.is_ended_by(notice) is session_ends
    assert BY_TOKEN.is_ended_by(notice) is token_ends


@sync_to_async
def login_by(way: str) -> Login:
    user = get_user_model().objects.create_user("ann")
    kept: dict[str, Any] = {"user_id": user.pk, "username": "ann", "permissions": frozenset()}
    if way == "token":
        return Login(token_id=ApiToken.objects.issue(user, name="ticker")[0].pk, **kept)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return Login(session_key=client.session.session_key, **kept)


@sync_to_async
def end(login: Login, cause: str) -> None:
    if cause == "inactive":
        get_user_model().objects.filter(pk=login.user_id).update(is_active=False)
    elif login.token_id is not None:
        ApiToken.objects.get(pk=login.token_id).revoke()
    else:
        client = Client()
        client.cookies["mdp_session"] = str(login.session_key)
        client.session.flush()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["session", "token"])
@pytest.mark.parametrize("cause", ["inactive", "ended"])
async def test_a_login_holds_until_its_account_session_or_token_ends(way: str, cause: str) -> None:
    login = await login_by(way)
    assert await login.is_valid()
    await end(login, cause)
    assert not await login.is_valid()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["session", "token"])
async def test_a_login_ends_when_its_user_loses_the_right(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    login = await login_by(way)
    monkeypatch.setattr(roles, "USERS", Role("users"))
    assert not await login.is_valid()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["session", "token"])
async def test_a_session_or_token_of_somebody_else_holds_nothing(way: str) -> None:
    login = await login_by(way)
    of_another = Login(
        user_id=login.user_id + 1,
        username="bob",
        permissions=frozenset(),
        session_key=login.session_key,
        token_id=login.token_id,
    )
    assert not await of_another.is_valid()
