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
from structlog.testing import capture_logs

from mdp_site.accounts import notices as accounts_notices
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.notices import GROUP
from mdp_site.accounts.standings import Credential, Standing, Way
from tests.support.logins import BACKEND, standing_of

Notices = Callable[[Callable[[], object]], list[int]]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def notices(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Notices:
    """What a web process hears while something happens: the users whose logins may have changed."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

    def during(happening: Callable[[], object]) -> list[int]:
        layer = get_channel_layer()
        channel = async_to_sync(layer.new_channel)()
        async_to_sync(layer.group_add)(GROUP, channel)
        with django_capture_on_commit_callbacks(execute=True):
            happening()
        waiting = layer.channels[channel].qsize() if channel in layer.channels else 0
        heard = [async_to_sync(layer.receive)(channel) for _ in range(waiting)]
        assert all(notice == {"type": "login.changed", "user_id": notice["user_id"]} for notice in heard)
        return [notice["user_id"] for notice in heard]

    return during


@pytest.fixture
def user(db: None) -> Any:
    return get_user_model().objects.create_user("ann", password=PASSWORD)


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_logout_is_announced_after_the_session_has_ended(
    notices: Notices, user: Any, monkeypatch: pytest.MonkeyPatch, is_listed: bool
) -> None:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    if is_listed:
        client.get("/")
    login = Credential(Way.SESSION, str(client.session.session_key))
    seen: list[Standing | None] = []
    monkeypatch.setattr(accounts_notices, "_send", lambda user_id: seen.append(standing_of(login)))
    assert standing_of(login) is not None
    notices(lambda: client.post(reverse("account_logout")))
    assert seen == [None]  # who looks when the notice comes finds that the session has ended


def test_a_session_ended_from_elsewhere_is_announced(notices: Notices, user: Any) -> None:
    session = UserSession.objects.create(user=user, ip="127.0.0.1", session_key="k" * 32, user_agent="x")
    assert notices(session.end) == [user.pk]


def test_a_session_that_ends_while_its_page_is_answered_gets_no_token(user: Any) -> None:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/")
    UserSession.objects.all()._raw_delete(using="default")  # the list is read before the session itself ends
    answer = client.get(reverse("socket_token"))
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/accounts/login/")
    assert client.get("/").status_code == 403


def test_a_deactivation_is_announced(notices: Notices, user: Any) -> None:
    user.is_active = False
    assert notices(user.save) == [user.pk]


def test_the_time_of_a_login_is_not_announced(notices: Notices, user: Any) -> None:
    assert notices(lambda: user.save(update_fields=["last_login"])) == []


def test_a_revocation_is_announced(notices: Notices, user: Any) -> None:
    token, _ = ApiToken.objects.issue(user, name="ticker")
    assert notices(token.revoke) == [user.pk]


def test_a_layer_that_fails_does_not_stop_a_logout(
    monkeypatch: pytest.MonkeyPatch, notices: Notices, user: Any
) -> None:
    class BrokenLayer:
        async def group_send(self, _group: str, _message: dict[str, Any]) -> None:
            raise ConnectionError("redis is away")

    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    monkeypatch.setattr(accounts_notices, "get_channel_layer", BrokenLayer)
    notices(lambda: client.post(reverse("account_logout")))
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


def test_sessions_that_users_and_operators_end_from_elsewhere_are_in_the_log(user: Any) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        client.force_login(user, backend=BACKEND)
        client.get("/")
    with capture_logs() as lines:
        here.post(reverse("usersessions_list"))
    ended = [line for line in lines if line["event"] == "session ended"]
    assert [(line["user_id"], line["by"], line["sessions"]) for line in ended] == [(user.pk, user.pk, 1)]
    root = get_user_model().objects.create_superuser("root")
    operator = Client()
    operator.force_login(root, backend=BACKEND)
    row = UserSession.objects.get(user=user)
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    with capture_logs() as lines:
        operator.post(reverse("admin:usersessions_usersession_changelist"), chosen)
    ended = [line for line in lines if line["event"] == "session ended"]
    assert [(line["user_id"], line["by"], line["sessions"]) for line in ended] == [(user.pk, root.pk, 1)]
    assert here.get("/").status_code == 302
