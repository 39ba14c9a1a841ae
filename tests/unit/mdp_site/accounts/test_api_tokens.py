"""API tokens: made once, recognised, and ended."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mdp_site.accounts.models import MAX_TOKEN_LENGTH, ApiToken, digest_of_secret
from mdp_site.accounts.roles import OPERATORS, USERS, VIEWERS, Role, allowed, permissions_of
from mdp_site.accounts.scopes import (
    ALL_MARKET_SCOPES,
    MARKET_SCOPES,
    PERMITS,
    SCOPES,
    WITHOUT_SCOPE,
    offered_scopes,
    permissions_within,
    scopes_for,
    scopes_text,
)
from mdp_site.accounts.standings import Credential, Way
from tests.support.documented_protocol import DOCUMENTED
from tests.support.logins import BACKEND, standing_of, standing_of_secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("bot")


def test_a_token_is_recognised_with_its_user(user: Any) -> None:
    token, raw = ApiToken.objects.issue(user, name="ticker")
    found = standing_of_secret(raw)
    assert found is not None
    assert (found.token_id, found.user_id) == (token.pk, user.pk)


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
    assert standing_of_secret(raw) is None


def test_a_token_works_until_it_expires(user: Any) -> None:
    _, raw = ApiToken.objects.issue(user, name="ticker", expires_at=timezone.now() + timedelta(days=1))
    assert standing_of_secret(raw) is not None
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        assert standing_of_secret(raw) is None


def test_a_token_of_an_inactive_user_is_not_recognised(user: Any) -> None:
    _, raw = ApiToken.objects.issue(user, name="ticker")
    user.is_active = False
    user.save()
    assert standing_of_secret(raw) is None


@given(raw=st.text())
def test_anything_else_is_no_token(raw: str) -> None:
    for text in (raw, f"mdp_{raw}"):
        digest = digest_of_secret(text)
        assert digest is None or standing_of(Credential(Way.TOKEN, digest)) is None


@given(raw=st.one_of(st.text(), st.text(min_size=MAX_TOKEN_LENGTH).map("mdp_".__add__)))
def test_a_text_that_cannot_be_a_secret_is_not_even_looked_for(raw: str) -> None:
    could_be = raw.startswith("mdp_") and len(raw) <= MAX_TOKEN_LENGTH
    assert (digest_of_secret(raw) is not None) is could_be


@given(
    chosen=st.sets(st.sampled_from(sorted(SCOPES)), min_size=1),
    granted=st.sets(st.sampled_from(sorted({*USERS.feeds, "operations", "control"}))),
)
def test_scopes_permit_nothing_that_the_user_may_not_do_and_nothing_that_they_do_not_name(
    chosen: set[str], granted: set[str]
) -> None:
    within = permissions_within(scopes_text(chosen), frozenset(granted))
    assert within == {each for each in granted if each == "status" or set(scopes_for(each)) & chosen}


@pytest.mark.parametrize("scopes", [(), ("boards", "everything"), ("",), ("boards quotes",)])
def test_a_token_without_scopes_or_with_unknown_ones_is_not_made(user: Any, scopes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="accepted: one or more of boards, quotes, trades, alerts"):
        ApiToken.objects.issue(user, name="ticker", scopes=scopes)


def test_stored_scopes_of_a_later_release_permit_nothing() -> None:
    assert permissions_within("boards options", USERS.feeds) == {"boards", "status"}


def test_scopes_permit_all_that_roles_grant_and_a_new_token_has_all_market_data() -> None:
    granted = allowed(is_staff=True, is_superuser=True, groups=()).permissions
    assert granted == WITHOUT_SCOPE.union(*PERMITS.values())
    for market in (ALL_MARKET_SCOPES, "read:feeds"):
        assert permissions_within(market, granted) == granted - {"operations", "control"}


@pytest.mark.parametrize(
    ("role", "offered"),
    [(None, set()), (VIEWERS, {"read:operations"}), (OPERATORS, {"read:operations", "control"})],
)
def test_scopes_beyond_market_data_are_offered_to_users_whose_roles_permit_them(
    user: Any, role: Role | None, offered: set[str]
) -> None:
    if role is not None:
        user.is_staff = True
        user.save()
        user.groups.add(Group.objects.get(name=role.name))
    assert set(offered_scopes(permissions_of(user))) == {*MARKET_SCOPES, "read:feeds", *offered}
    client = Client()
    client.force_login(user, backend=BACKEND)
    form = {"name": "report", "days": "30", "scopes": ["read:operations", "control"]}
    client.post(reverse("api_tokens"), form)
    assert ApiToken.objects.count() == (role is OPERATORS)
    arguments = ("create_api_token", "bot", "--scope", "control")
    if role is OPERATORS:
        call_command(*arguments, stdout=StringIO())
    else:
        with pytest.raises(CommandError, match="no role of 'bot' permits control; accepted: boards,"):
            call_command(*arguments)


def test_a_token_loses_what_its_user_loses_and_has_it_again_with_the_role(user: Any) -> None:
    user.is_staff = True
    user.save()
    _, raw = ApiToken.objects.issue(user, name="steering", scopes=["control", "read:operations"])

    def permissions() -> Any:
        standing = standing_of_secret(raw)
        return None if standing is None else standing.permissions

    assert permissions() == {"operations", "status"}
    user.groups.add(Group.objects.get(name=OPERATORS.name))
    assert permissions() == {"operations", "control", "status"}
    user.groups.clear()
    assert permissions() == {"operations", "status"}
    user.is_superuser = True
    user.save()
    assert permissions() == {"operations", "control", "status"}
    user.is_staff = False
    user.save()
    assert permissions() == {"status"}


def test_the_command_prints_a_working_token_once(user: Any) -> None:
    out = StringIO()
    call_command("create_api_token", "bot", "--name", "ticker", "--expires-in-days", "30", stdout=out)
    standing = standing_of_secret(out.getvalue().strip())
    assert standing is not None
    assert standing.permissions == USERS.feeds
    token = ApiToken.objects.get()
    assert (token.user, token.name) == (user, "ticker")
    assert token.expires_at is not None
    assert round((token.expires_at - timezone.now()) / timedelta(days=1)) == 30


def test_the_command_makes_a_token_with_the_scopes_that_it_is_told(user: Any) -> None:
    out = StringIO()
    with capture_logs() as lines:
        call_command("create_api_token", "bot", "--scope", "quotes", "--scope", "boards", stdout=out)
    assert lines == []  # they would stand beside the secret on the standard output
    standing = standing_of_secret(out.getvalue().strip())
    assert standing is not None
    assert standing.permissions == {"boards", "quotes", "status"}
    with pytest.raises(CommandError, match="invalid choice: 'orders'"):
        call_command("create_api_token", "bot", "--scope", "orders")


def test_the_page_leads_users_to_the_document_of_the_protocol(user: Any) -> None:
    client = Client()
    address = reverse("asyncapi")
    assert client.get(address).status_code == 302, "a visitor must log in first"
    client.force_login(user, backend=BACKEND)
    assert f'href="{address}"' in client.get(reverse("api_tokens")).content.decode()
    answer = client.get(address)
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == DOCUMENTED.document
    assert client.post(address).status_code == 405


def test_the_page_makes_a_token_with_the_scopes_that_are_ticked_and_shows_them(user: Any) -> None:
    client = Client()
    client.force_login(user, backend=BACKEND)
    address = reverse("api_tokens")
    assert client.get(address).content.decode().count("checked") == len(MARKET_SCOPES)
    with capture_logs() as lines:
        page = client.post(address, {"name": "report", "days": "30", "scopes": ["boards"]}).content.decode()
    token = ApiToken.objects.get()
    assert token.scopes == "boards"
    assert str(SCOPES["boards"]) in page
    made = {"event": "API token made", "token": token.prefix, "user_id": user.pk, "by": user.pk}
    assert [line for line in lines if made.items() <= line.items()]
    for wrong in ([], ["orders"]):
        client.post(address, {"name": "report", "days": "30", "scopes": wrong})
    assert ApiToken.objects.count() == 1
    with capture_logs() as lines:
        client.post(reverse("api_token_revoke", args=[token.pk]))
    assert [line["event"] for line in lines if line.get("token") == token.prefix] == ["API token revoked"]


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
    with capture_logs() as lines:
        admin_client.post(listing, {"action": "revoke", "_selected_action": [revoked.pk]})
    logged = [line for line in lines if line["event"] == "API token revoked"]
    assert [(line["token"], line["user_id"]) for line in logged] == [(revoked.prefix, user.pk)]
    assert logged[0]["by"] not in {None, user.pk}
    assert standing_of_secret(revoked_raw) is None
    assert standing_of_secret(kept_raw) is not None
    assert admin_client.get(reverse("admin:accounts_apitoken_add")).status_code == 403
