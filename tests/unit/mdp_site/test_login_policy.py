"""Which identities may enter, who becomes staff, and what a session's end sets off."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from mdp_site import sessions
from mdp_site.auth import identity_claims, in_staff_group, may_enter
from widgets.models import ApiToken

VERIFIED = {"email": "Ann@Example.com", "email_verified": True}
PASSWORD = "correct horse battery staple"


@pytest.mark.parametrize(
    ("claims", "domains", "emails", "expected"),
    [
        ({}, [], [], True),
        (VERIFIED, ["example.com"], [], True),
        (VERIFIED, ["EXAMPLE.COM"], [], True),
        (VERIFIED, [], ["ann@example.com"], True),
        (VERIFIED, ["other.com"], ["ann@example.com"], True),
        (VERIFIED, ["other.com"], [], False),
        (VERIFIED, ["ample.com"], [], False),
        (VERIFIED, [], ["bob@example.com"], False),
        ({"email": "ann@example.com"}, ["example.com"], [], False),
        ({"email": "ann@example.com", "email_verified": False}, ["example.com"], [], False),
        ({"email": "ann@example.com", "email_verified": "false"}, ["example.com"], [], False),
        ({"email": None, "email_verified": True}, ["example.com"], [], False),
        ({"email": "example.com@evil.example", "email_verified": True}, ["example.com"], [], False),
    ],
)
def test_who_may_enter(claims: dict[str, Any], domains: list[str], emails: list[str], expected: bool) -> None:
    assert may_enter(claims, domains=domains, emails=emails) is expected


@given(email=st.text(), domain=st.sampled_from(["example.com", "x.org"]))
def test_only_addresses_that_end_in_a_listed_domain_enter(email: str, domain: str) -> None:
    entered = may_enter({"email": email, "email_verified": True}, domains=[domain], emails=[])
    assert entered == (email.casefold().rpartition("@")[2] == domain)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"groups": ["users", "operators"]}, True),
        ({"groups": "operators"}, True),
        ({"groups": ["operators2"]}, False),
        ({"groups": "all operators"}, False),
        ({"groups": None}, False),
        ({}, False),
    ],
)
def test_who_is_staff(claims: dict[str, Any], expected: bool) -> None:
    assert in_staff_group(claims, claim="groups", group="operators") is expected


def test_what_the_user_information_endpoint_says_completes_the_id_token() -> None:
    extra_data = {"id_token": {"sub": "1", "groups": ["a"]}, "userinfo": {"sub": "1", "email": "a@b.c"}}
    assert identity_claims(extra_data) == {"sub": "1", "groups": ["a"], "email": "a@b.c"}
    assert identity_claims({"userinfo": None}) == {}


@pytest.fixture
def notices(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Callable[..., list[dict[str, Any]]]:
    """What a member of a user's group hears while something happens."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

    def during(user_id: int, happening: Callable[[], object]) -> list[dict[str, Any]]:
        layer = get_channel_layer()
        channel = async_to_sync(layer.new_channel)()
        async_to_sync(layer.group_add)(f"user.{user_id}", channel)
        with django_capture_on_commit_callbacks(execute=True):
            happening()
        waiting = layer.channels[channel].qsize() if channel in layer.channels else 0
        return [async_to_sync(layer.receive)(channel) for _ in range(waiting)]

    return during


@pytest.fixture
def user(db: None) -> Any:
    return get_user_model().objects.create_user("ann", password=PASSWORD)


def notice(session_key: str | None = None, token_id: int | None = None) -> dict[str, Any]:
    return {"type": "session.ended", "session_key": session_key, "token_id": token_id}


def test_a_logout_announces_the_session(notices: Callable[..., list[dict[str, Any]]], user: Any) -> None:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    key = client.session.session_key
    heard = notices(user.pk, lambda: client.post(reverse("account_logout")))
    assert notice(session_key=key) in heard
    assert all(each["session_key"] == key for each in heard)


def test_a_session_ended_from_elsewhere_is_announced(
    notices: Callable[..., list[dict[str, Any]]], user: Any
) -> None:
    session = UserSession.objects.create(user=user, ip="127.0.0.1", session_key="k" * 32, user_agent="x")
    assert notices(user.pk, session.end) == [notice(session_key="k" * 32)]


def test_deactivation_announces_everything_of_the_user(
    notices: Callable[..., list[dict[str, Any]]], user: Any
) -> None:
    user.is_active = False
    assert notices(user.pk, user.save) == [notice()]


def test_another_change_of_a_user_announces_nothing(
    notices: Callable[..., list[dict[str, Any]]], user: Any
) -> None:
    user.first_name = "Ann"
    assert notices(user.pk, user.save) == []


def test_revoking_a_token_announces_the_token(
    notices: Callable[..., list[dict[str, Any]]], user: Any
) -> None:
    token, _ = ApiToken.objects.issue(user, name="ticker")
    assert notices(user.pk, token.revoke) == [notice(token_id=token.pk)]


def test_a_layer_that_fails_does_not_stop_a_logout(
    monkeypatch: pytest.MonkeyPatch, notices: Callable[..., list[dict[str, Any]]], user: Any
) -> None:
    class BrokenLayer:
        async def group_send(self, _group: str, _message: dict[str, Any]) -> None:
            raise ConnectionError("redis is away")

    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    monkeypatch.setattr(sessions, "get_channel_layer", BrokenLayer)
    notices(user.pk, lambda: client.post(reverse("account_logout")))
    assert "_auth_user_id" not in client.session


def test_staff_log_in_with_a_password_at_the_admin_and_failures_are_limited(
    settings: Settings, db: None
) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "failures"}
    }
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    login = reverse("admin:login")
    right = {"username": "root", "password": PASSWORD, "next": "/admin/"}
    assert Client().post(login, right).status_code == 302
    pages = [Client().post(login, right | {"password": "wrong"}).content.decode() for _ in range(12)]
    assert "Please enter the correct username and password" in pages[0]
    assert "Too many failed login attempts" in pages[-1]
    assert Client().post(login, right).status_code == 200


def test_a_user_without_staff_rights_does_not_get_into_the_admin(user: Any) -> None:
    answer = Client().post(
        reverse("admin:login"), {"username": "ann", "password": PASSWORD, "next": "/admin/"}
    )
    assert "staff account" in answer.content.decode()


def test_without_password_login_the_admin_leads_to_the_provider(settings: Settings, user: Any) -> None:
    settings.ADMIN_PASSWORD_LOGIN = False
    client = Client()
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.headers["Location"] == "/accounts/login/?next=/admin/"
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/login/?next=/admin/").status_code == 403
