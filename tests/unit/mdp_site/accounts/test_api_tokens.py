"""API tokens: made once, recognised, and ended."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.accounts.models import ApiToken, authenticate_token, authenticate_token_async

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("bot")


def test_a_token_is_recognised_with_its_user(user: Any) -> None:
    token, raw = ApiToken.objects.issue(user, name="ticker")
    found = authenticate_token(raw)
    assert found == token
    assert found is not None
    assert found.user == user


def test_the_secret_is_not_in_the_database(user: Any) -> None:
    token, raw = ApiToken.objects.issue(user, name="ticker")
    stored = "|".join(str(value) for value in ApiToken.objects.filter(pk=token.pk).values_list()[0])
    assert raw not in stored
    assert raw.startswith(token.prefix)
    assert len(raw) - len(token.prefix) >= 32


def test_two_tokens_differ(user: Any) -> None:
    assert ApiToken.objects.issue(user, name="a")[1] != ApiToken.objects.issue(user, name="a")[1]


def test_a_revoked_token_is_not_recognised(user: Any) -> None:
    token, raw = ApiToken.objects.issue(user, name="ticker")
    token.revoke()
    assert authenticate_token(raw) is None


def test_a_token_works_until_it_expires(user: Any) -> None:
    _, raw = ApiToken.objects.issue(user, name="ticker", expires_at=timezone.now() + timedelta(days=1))
    assert authenticate_token(raw) is not None
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        assert authenticate_token(raw) is None


def test_a_token_of_an_inactive_user_is_not_recognised(user: Any) -> None:
    _, raw = ApiToken.objects.issue(user, name="ticker")
    user.is_active = False
    user.save()
    assert authenticate_token(raw) is None


def test_use_is_noted_to_the_minute(user: Any) -> None:
    token, raw = ApiToken.objects.issue(user, name="ticker")
    start = timezone.now()
    seen = []
    for seconds in (0, 59, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            authenticate_token(raw)
        token.refresh_from_db()
        assert token.last_used_at is not None
        seen.append(round((token.last_used_at - start).total_seconds()))
    assert seen == [0, 0, 61]


@given(raw=st.text())
def test_anything_else_is_no_token(raw: str) -> None:
    assert authenticate_token(raw) is None
    assert authenticate_token(f"mdp_{raw}") is None


@pytest.mark.django_db(transaction=True)
async def test_coroutines_ask_without_blocking() -> None:
    user = await get_user_model().objects.acreate(username="bot")
    token, raw = await sync_to_async(ApiToken.objects.issue)(user, name="ticker")
    assert await authenticate_token_async(raw) == token


def test_the_command_prints_a_working_token_once(user: Any) -> None:
    out = StringIO()
    call_command("create_api_token", "bot", "--name", "ticker", "--expires-in-days", "30", stdout=out)
    token = authenticate_token(out.getvalue().strip())
    assert token is not None
    assert (token.user, token.name) == (user, "ticker")
    assert token.expires_at is not None
    assert round((token.expires_at - timezone.now()) / timedelta(days=1)) == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "no user 'nobody' has logged in yet.*Log in once at http://.*/accounts/tokens/"),
        (["gone"], "'gone' is switched off"),
        (["bot", "--expires-in-days", "0"], "accepted: 1 to 3650"),
        (["bot", "--expires-in-days", "9999"], "accepted: 1 to 3650"),
    ],
)
def test_the_command_says_what_is_wrong(user: Any, arguments: list[str], message: str) -> None:
    get_user_model().objects.create_user("gone", is_active=False)
    with pytest.raises(CommandError, match=message):
        call_command("create_api_token", *arguments)
    assert not ApiToken.objects.filter(user=user).exists()


def test_an_operator_revokes_in_the_admin_and_cannot_add(user: Any, admin_client: Client) -> None:
    kept, kept_raw = ApiToken.objects.issue(user, name="kept")
    revoked, revoked_raw = ApiToken.objects.issue(user, name="gone")
    listing = reverse("admin:accounts_apitoken_changelist")
    page = admin_client.get(listing).content.decode()
    assert kept.prefix in page
    assert kept_raw not in page
    admin_client.post(listing, {"action": "revoke", "_selected_action": [revoked.pk]})
    assert authenticate_token(revoked_raw) is None
    assert authenticate_token(kept_raw) == kept
    assert admin_client.get(reverse("admin:accounts_apitoken_add")).status_code == 403
