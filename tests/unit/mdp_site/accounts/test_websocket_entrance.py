"""Who gets through the WebSocket entrance, and as whom."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from mdp_site.accounts import roles
from mdp_site.accounts.entrance import WebSocketEntrance, origin_is_ours
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.roles import Role
from widgets.viewer import VIEWER_KEY

SITE = "http://127.0.0.1:8000"

pytestmark = pytest.mark.django_db(transaction=True)


async def application(scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
    """Accepts, and shows in the subprotocol who has come in."""
    viewer = scope[VIEWER_KEY]
    assert viewer.permissions == roles.USERS.feeds
    identity = f"{viewer.username}:{viewer.session_key}:{viewer.token_id}"
    await send({"type": "websocket.accept", "subprotocol": identity})


def scope_of(
    *, scheme: str = "ws", host: str = "127.0.0.1:8000", extensions: bool = True, **headers: str
) -> dict[str, Any]:
    all_headers = {"host": host, **headers}
    return {
        "type": "websocket",
        "path": "/ws/",
        "scheme": scheme,
        "headers": [(name.encode(), value.encode()) for name, value in all_headers.items()],
        "extensions": {"websocket.http.response": {}} if extensions else {},
    }


async def answer(**headers: Any) -> dict[str, Any]:
    """The first message of the answer to a handshake."""
    communicator = ApplicationCommunicator(WebSocketEntrance(application), scope_of(**headers))
    await communicator.send_input({"type": "websocket.connect"})
    first: dict[str, Any] = await communicator.receive_output()
    if first["type"] == "websocket.http.response.start":
        body: dict[str, Any] = await communicator.receive_output()
        return first | body
    return first


@sync_to_async
def logged_in_cookie(username: str = "ann") -> tuple[str, str]:
    """A cookie header and the session key of a logged-in user."""
    client = Client()
    client.force_login(
        get_user_model().objects.create_user(username), backend="django.contrib.auth.backends.ModelBackend"
    )
    key = client.session.session_key
    assert key is not None
    return f"mdp_session={key}", key


@sync_to_async
def issued_token(**changes: Any) -> tuple[ApiToken, str]:
    user = get_user_model().objects.create_user("bot")
    return ApiToken.objects.issue(user, name="test", **changes)


async def test_a_browser_comes_in_by_its_session_from_a_page_of_the_site() -> None:
    cookie, key = await logged_in_cookie()
    message = await answer(origin=SITE, cookie=cookie)
    assert message == {"type": "websocket.accept", "subprotocol": f"ann:{key}:None"}


async def test_a_program_comes_in_by_token_without_origin() -> None:
    token, raw = await issued_token()
    message = await answer(authorization=f"Bearer {raw}")
    assert message == {"type": "websocket.accept", "subprotocol": f"bot:None:{token.pk}"}


async def test_a_foreign_page_is_refused_even_with_the_visitors_session() -> None:
    cookie, _ = await logged_in_cookie()
    message = await answer(origin="http://evil.example", cookie=cookie)
    assert message["status"] == 403
    assert b"Origin" in message["body"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "http://evil.example", "host": "evil.example"},
        {"origin": "http://127.0.0.1:8000@evil.example"},
    ],
)
async def test_other_origins_are_refused(headers: dict[str, str]) -> None:
    cookie, _ = await logged_in_cookie()
    assert (await answer(cookie=cookie, **headers))["status"] == 403


@pytest.mark.parametrize("cookie", ["", "mdp_session=unknown", "mdp_session=../../etc"])
async def test_the_anonymous_are_refused_and_told_what_is_accepted(cookie: str) -> None:
    message = await answer(origin=SITE, cookie=cookie)
    assert message["status"] == 403
    assert b"Authorization: Bearer <token>" in message["body"]


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer mdp_wrong", "Basic bm86bm8=", "mdp_x", "Bearer " + "m" * 9000]
)
async def test_wrong_tokens_are_refused(value: str) -> None:
    message = await answer(authorization=value)
    assert message["status"] == 403
    assert b"token unknown, expired or revoked" in message["body"]


async def test_a_token_does_not_help_a_page() -> None:
    _, raw = await issued_token()
    assert (await answer(authorization=f"Bearer {raw}", origin=SITE))["status"] == 403


async def test_an_expired_token_is_refused() -> None:
    _, raw = await issued_token(expires_at=timezone.now() - timedelta(seconds=1))
    assert (await answer(authorization=f"Bearer {raw}"))["status"] == 403


async def test_a_server_that_cannot_send_a_body_still_refuses() -> None:
    assert (await answer(extensions=False))["type"] == "websocket.close"


async def test_a_session_of_a_deactivated_user_is_refused() -> None:
    cookie, _ = await logged_in_cookie()
    await get_user_model().objects.filter(username="ann").aupdate(is_active=False)
    assert (await answer(origin=SITE, cookie=cookie))["status"] == 403


@pytest.mark.parametrize("way", ["session", "token"])
async def test_a_user_whose_role_has_no_market_data_is_refused_and_told_so(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    headers = {"authorization": f"Bearer {(await issued_token())[1]}"}
    if way == "session":
        headers = {"origin": SITE, "cookie": (await logged_in_cookie())[0]}
    monkeypatch.setattr(roles, "USERS", Role("users"))
    message = await answer(**headers)
    assert message["status"] == 403
    assert b"no right to market data" in message["body"]


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "accepted"),
    [
        ("https://scanner.example.com", "scanner.example.com", "wss", True),
        ("https://scanner.example.com", "scanner.example.com:443", "wss", True),
        ("https://scanner.example.com", "Scanner.Example.COM", "wss", True),
        ("http://scanner.example.com", "scanner.example.com:80", "ws", True),
        ("https://scanner.example.com:8443", "scanner.example.com:443", "wss", False),
        ("https://scanner.example.com", "scanner.example.com:80", "wss", False),
        ("https://public.example", "scanner.example.com:443", "ws", True),
        ("https://[", "scanner.example.com", "wss", False),
        ("https://user@scanner.example.com", "scanner.example.com", "wss", False),
        ("http://scanner.example.com", "scanner.example.com", "wss", False),
        ("https://a.trusted.example", "scanner.example.com", "wss", True),
        ("https://trusted.example", "scanner.example.com", "wss", False),
        ("https://nottrusted.example", "scanner.example.com", "wss", False),
        ("http://a.trusted.example", "scanner.example.com", "wss", False),
        ("https://exact.example:8443", "scanner.example.com", "wss", True),
        ("https://exact.example", "scanner.example.com", "wss", False),
    ],
)
def test_trusted_origins_are_read_as_django_reads_them(
    settings: Settings, origin: str, host: str, scheme: str, accepted: bool
) -> None:
    settings.ALLOWED_HOSTS = ["scanner.example.com"]
    settings.CSRF_TRUSTED_ORIGINS = [
        "https://*.trusted.example",
        "https://exact.example:8443",
        "https://Public.example:443",
    ]
    assert origin_is_ours(scope_of(origin=origin, host=host, scheme=scheme)) is accepted
