"""What a session's end sets off, which sessions are listed, and who gets into the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from mdp_site.accounts import sessions
from mdp_site.accounts.models import ApiToken

PASSWORD = "correct horse battery staple"


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
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    answer = Client().post(
        reverse("admin:login"), {"username": "ann", "password": PASSWORD, "next": "/admin/"}
    )
    assert "staff account" in answer.content.decode()


@pytest.mark.parametrize(
    ("staff", "form"),
    [
        ({}, False),
        ({"is_staff": True}, False),
        ({"is_staff": True, "password": PASSWORD, "is_active": False}, False),
        ({"is_staff": True, "password": PASSWORD}, True),
    ],
)
def test_the_admin_asks_for_a_password_only_where_a_member_of_staff_has_one(
    user: Any, staff: dict[str, Any], form: bool
) -> None:
    get_user_model().objects.create_user("eve", **staff)
    answer = Client().get("/admin/login/?next=/admin/")
    asked = answer.status_code == 200 and 'name="password"' in answer.content.decode()
    led = answer.headers.get("Location") == "/accounts/login/?next=/admin/"
    assert (asked, led) == (form, not form)
    assert ("local password" in Client().get("/accounts/login/").content.decode()) is form


def test_without_password_login_the_admin_leads_to_the_provider(settings: Settings, user: Any) -> None:
    settings.ADMIN_PASSWORD_LOGIN = False
    client = Client()
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.headers["Location"] == "/accounts/login/?next=/admin/"
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/login/?next=/admin/").status_code == 403
