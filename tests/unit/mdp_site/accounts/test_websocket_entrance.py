"""Who gets through the WebSocket entrance, and as whom."""

import re
from collections.abc import AsyncIterator, MutableMapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from asgiref.sync import sync_to_async
from channels.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.core.signing import TimestampSigner
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from marketdata.observability import metrics
from marketdata.observability.log_budget import MAX_ENTRIES, LogBudget
from mdp_site.accounts import journal, login_service, page_tokens, roles
from mdp_site.accounts.entrance import WebSocketEntrance, origin_is_ours
from mdp_site.accounts.login_service import LoginService
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.page_tokens import LIFETIME_SECONDS, make_page_token
from mdp_site.accounts.roles import Role
from mdp_site.accounts.standings import Credential, Way
from tests.support.logins import RecordingFollower
from widgets.viewer import LOG_IN_KEY, VIEWER_KEY, LoginEnd, LogInRefused

SITE = "http://127.0.0.1:8000"

pytestmark = pytest.mark.django_db(transaction=True)


async def application(scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
    """Accepts, and shows in the subprotocol who has come in."""
    viewer = scope[VIEWER_KEY]
    assert viewer.permissions == roles.USERS.feeds
    credential = viewer.standing.credential
    shown = f"{viewer.username} by {credential.way.value} {credential.key}"
    await send({"type": "websocket.accept", "subprotocol": shown, "offered": scope["subprotocols"]})


def scope_of(
    *,
    scheme: str = "ws",
    host: str = "127.0.0.1:8000",
    extensions: bool = True,
    subprotocols: Sequence[str] = ("mdp.v2",),
    more: Sequence[tuple[str, str]] = (),
    **headers: str,
) -> dict[str, Any]:
    all_headers = [("host", host), *headers.items(), *more]
    return {
        "type": "websocket",
        "path": "/ws/",
        "scheme": scheme,
        "headers": [(name.encode(), value.encode()) for name, value in all_headers],
        "subprotocols": list(subprotocols),
        "client": ("203.0.113.9", 4711),
        "extensions": {"websocket.http.response": {}} if extensions else {},
    }


@pytest.fixture(autouse=True)
async def logins() -> AsyncIterator[LoginService]:
    service = LoginService()
    _services.append(service)
    yield service
    _services.clear()
    await service.stop()


_services: list[LoginService] = []
"""The service of the test that runs."""


async def answer(**headers: Any) -> dict[str, Any]:
    """The first message of the answer to a handshake, with the body if it has one."""
    communicator = ApplicationCommunicator(WebSocketEntrance(application, _services[0]), scope_of(**headers))
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
    assert (message["type"], message["subprotocol"]) == ("websocket.accept", f"ann by session {key}")


@pytest.mark.parametrize("name", ["authorization", "origin", "host"])
@pytest.mark.parametrize("subprotocols", [("mdp.v2",), ()])
async def test_a_header_that_is_there_twice_is_refused_whichever_is_valid(
    name: str, subprotocols: Sequence[str]
) -> None:
    _, raw = await issued_token()
    cookie, _ = await logged_in_cookie()
    valid = {"authorization": f"Bearer {raw}", "origin": SITE, "host": "127.0.0.1:8000"}
    others = {"authorization": "Bearer wrong", "origin": "https://elsewhere.example", "host": "elsewhere"}
    for pair in ((valid[name], others[name]), (others[name], valid[name])):
        message = await answer(
            cookie=cookie,
            subprotocols=subprotocols,
            more=[(name, each) for each in pair],
        )
        assert message["status"] == 400, message
        assert f"the header {name} is there twice".encode() in message["body"]


async def test_the_parts_of_a_cookie_are_joined() -> None:
    cookie, key = await logged_in_cookie()
    for parts in ((cookie, "theme=dark"), ("theme=dark", cookie)):
        message = await answer(origin=SITE, more=[("cookie", each) for each in parts])
        assert message["subprotocol"] == f"ann by session {key}"


async def test_a_program_comes_in_by_token_without_origin() -> None:
    token, raw = await issued_token()
    message = await answer(authorization=f"Bearer {raw}")
    assert (message["type"], message["subprotocol"]) == ("websocket.accept", f"bot by token {token.digest}")


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


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "mdp_session=unknown",
        "mdp_session=../../etc",
        "mdp_session=\0\0\0\0\0\0\0\0",
        "mdp_session=" + "k" * 9000,
    ],
)
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


async def test_a_token_does_not_help_a_page_and_the_answer_names_the_origin() -> None:
    _, raw = await issued_token()
    message = await answer(authorization=f"Bearer {raw}", origin=SITE)
    assert message["status"] == 403
    assert b"Authorization and Origin together" in message["body"]
    assert b"unknown" not in message["body"]


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


# --- The tokens of pages ------------------------------------------------------------------------------------


@sync_to_async
def page_of(username: str) -> Client:
    client = Client()
    user, _ = get_user_model().objects.get_or_create(username=username)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@sync_to_async
def subprotocol_of(page: Client) -> str:
    """What the page offers, as the endpoint tells it."""
    told = page.get(reverse("socket_token")).json()
    assert told["expires_in_seconds"] == LIFETIME_SECONDS
    assert re.fullmatch(r"mdp\.token\.[\w.-]+", told["subprotocol"])  # nothing that HTTP would not pass on
    assert page.session.session_key not in told["subprotocol"]
    return str(told["subprotocol"])


async def come_in(*offered: str, **headers: Any) -> dict[str, Any]:
    return await answer(**({"origin": SITE} | headers), subprotocols=["mdp.v2", *offered])


async def test_a_page_comes_in_by_its_token_without_a_cookie() -> None:
    page = await page_of("ann")
    message = await come_in(await subprotocol_of(page))
    assert message["subprotocol"] == f"ann by session {page.session.session_key}"
    assert message["offered"] == ["mdp.v2"]  # so that the token is never answered or logged


async def test_a_page_with_a_token_is_the_user_of_the_token_not_the_one_of_a_cookie() -> None:
    cookie, _ = await logged_in_cookie("bob")
    message = await come_in(await subprotocol_of(await page_of("ann")), cookie=cookie)
    assert message["subprotocol"].startswith("ann by session ")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
async def test_the_token_of_a_page_does_not_help_another_site(origin: str) -> None:
    message = await come_in(await subprotocol_of(await page_of("ann")), origin=origin)
    assert message["status"] == 403


async def test_a_token_that_is_used_again_after_the_logout_is_refused() -> None:
    page = await page_of("ann")
    offered = await subprotocol_of(page)
    assert (await come_in(offered))["type"] == "websocket.accept"
    await sync_to_async(page.post)(reverse("account_logout"))
    message = await come_in(offered)
    assert message["status"] == 403
    assert b"page token forged, expired, or of an ended session" in message["body"]


async def test_a_token_is_valid_for_minutes_while_the_session_goes_on() -> None:
    page = await page_of("ann")
    offered = await subprotocol_of(page)
    with time_machine.travel(timezone.now() + timedelta(seconds=LIFETIME_SECONDS + 2), tick=True):
        assert (await come_in(offered))["status"] == 403
        assert (await come_in(await subprotocol_of(page)))["type"] == "websocket.accept"


async def test_a_token_opens_connections_again_and_again_until_it_expires() -> None:
    """It stands for its session, not for one connection: see docs/login.md."""
    offered = await subprotocol_of(await page_of("ann"))
    for _ in range(3):
        assert (await come_in(offered))["type"] == "websocket.accept"


async def test_the_dashboard_brings_the_token_of_its_first_connection() -> None:
    page = await page_of("ann")
    answered = await sync_to_async(page.get)("/")
    told = re.search(r'"pageToken": "(mdp\.token\.[\w.-]+)"', answered.content.decode())
    assert told is not None
    message = await come_in(told[1])
    assert message["subprotocol"] == f"ann by session {page.session.session_key}"
    assert "no-store" in answered.headers["Cache-Control"]


async def test_a_page_of_site_url_comes_in_at_another_host_by_its_token_alone(settings: Settings) -> None:
    offered = await subprotocol_of(await page_of("ann"))
    settings.CSRF_TRUSTED_ORIGINS = ["https://scanner.example.com"]  # as settings make it of SITE_URL
    settings.ALLOWED_HOSTS = ["scanner.example.com"]
    from_page = {"host": "feeds.example.com", "scheme": "wss", "origin": "https://scanner.example.com"}
    assert (await come_in(offered, **from_page))["type"] == "websocket.accept"
    assert (await come_in(**from_page))["status"] == 403
    assert (await come_in(offered, **(from_page | {"origin": "https://feeds.example.com"})))["status"] == 403


async def test_forged_tokens_are_refused() -> None:
    offered = await subprotocol_of(await page_of("ann"))
    content, _, signature = offered.removeprefix("mdp.token.").partition(".")
    of_another_secret = TimestampSigner(key="another", salt=page_tokens._SALT, sep=".").sign_object([1, 1])
    of_another_use = TimestampSigner(salt="another use", sep=".").sign_object([1, 1])
    for forged in ("", "x", f"{content}A.{signature}", f".{content}.{signature}", signature, "x" * 9_000,
                   of_another_secret, of_another_use):  # fmt: skip
        assert (await come_in(f"mdp.token.{forged}"))["status"] == 403


async def test_a_token_for_the_session_of_another_user_is_refused() -> None:
    await subprotocol_of(await page_of("ann"))
    bob = await get_user_model().objects.acreate(username="bob")
    of_ann = await UserSession.objects.aget()
    assert (await come_in(f"mdp.token.{make_page_token(bob.pk, of_ann.pk)}"))["status"] == 403
    assert (await come_in(f"mdp.token.{make_page_token(of_ann.user_id, of_ann.pk + 1)}"))["status"] == 403


async def test_a_connection_by_the_token_of_a_page_ends_with_the_session(logins: LoginService) -> None:
    page = await page_of("ann")
    row_id = await _listed_session_of(page)
    standing = await logins.standing(Credential(Way.PAGE_TOKEN, str(row_id)))
    assert standing is not None
    follower = RecordingFollower()
    with logins.connection(standing) as login:
        login.follow(follower)
        await logins.look()
        assert follower.ends == []
        await sync_to_async(page.post)(reverse("account_logout"))
        await logins.look()
        assert follower.ends == [LoginEnd.LOGGED_OUT]


@sync_to_async
def _listed_session_of(page: Client) -> int:
    page.get("/")
    row_id: int = UserSession.objects.get(session_key=page.session.session_key).pk
    return row_id


# --- When logins cannot be checked, and the log -------------------------------------------------------------


@pytest.mark.parametrize("extensions", [True, False])
async def test_a_handshake_that_cannot_be_checked_now_is_told_to_try_again(
    monkeypatch: pytest.MonkeyPatch, extensions: bool
) -> None:
    _, raw = await issued_token()

    def away(*_: Any) -> Any:
        raise ConnectionError("the database is away")

    monkeypatch.setattr(login_service, "read_standings", away)
    message = await answer(authorization=f"Bearer {raw}", extensions=extensions)
    if not extensions:
        assert message["type"] == "websocket.close"
        return
    assert message["status"] == 503
    assert message["body"].startswith(b"reconnect: ")
    assert 1 <= int(dict(message["headers"])[b"retry-after"]) <= 5


async def test_each_refusal_is_in_the_log_with_reason_and_address_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "_budget", LogBudget())
    offered = (await subprotocol_of(await page_of("ann"))).replace("mdp.token.", "mdp.token._")
    with capture_logs() as lines:
        await answer(origin=SITE, cookie="mdp_session=" + "k" * 32)
        await answer(origin="http://evil.example")
        await answer(authorization="Bearer mdp_wrong")
        await come_in(offered)
    refused = [line for line in lines if line["event"] == "websocket refused"]
    assert [line["reason"] for line in refused] == ["anonymous", "origin", "token", "page token"]
    assert {line["address"] for line in refused} == {"203.0.113.9"}
    for secret in ("k" * 32, "mdp_wrong", offered):
        assert secret not in str(lines)


async def test_refusals_by_the_thousand_are_counted_and_logged_a_hundred_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "_budget", LogBudget())
    counted = metrics.WIDGET_REFUSED.labels("token")
    before = counted._value.get()
    with capture_logs() as lines:
        for _ in range(MAX_ENTRIES + 50):
            await answer(authorization="Bearer mdp")
    assert len([line for line in lines if line["event"] == "websocket refused"]) == MAX_ENTRIES
    assert counted._value.get() - before == MAX_ENTRIES + 50


async def log_in_by_message(key: str, **headers: Any) -> tuple[dict[str, Any], Any]:
    """The first answer to a handshake of version 1, and the user as whom the key logs in, or the refusal."""
    result: list[Any] = []

    async def consumer(scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
        assert VIEWER_KEY not in scope
        try:
            result.append((await scope[LOG_IN_KEY](key)).username)
        except LogInRefused as error:
            result.append(error.end)
        await send({"type": "websocket.accept"})

    communicator = ApplicationCommunicator(
        WebSocketEntrance(consumer, _services[0]), scope_of(subprotocols=(), **headers)
    )
    await communicator.send_input({"type": "websocket.connect"})
    first: dict[str, Any] = await communicator.receive_output()
    return first, result[0] if result else None


async def test_a_program_without_subprotocol_logs_in_by_a_message() -> None:
    _, raw = await issued_token()
    message, user = await log_in_by_message(raw)
    assert (message["type"], user) == ("websocket.accept", "bot")


@pytest.mark.parametrize("key", ["", "mdp_nobodys", "\x00", "\ud800", "x" * 10_000])
async def test_a_wrong_key_in_a_message_is_refused(key: str) -> None:
    before = metrics.WIDGET_REFUSED.labels("token")._value.get()
    _, end = await log_in_by_message(key)
    assert end is LoginEnd.LOGGED_OUT
    assert metrics.WIDGET_REFUSED.labels("token")._value.get() == before + 1


@pytest.mark.parametrize(
    "headers", [{"origin": SITE}, {"origin": "null"}, {"authorization": "Bearer x"}, {"origin": ""}]
)
async def test_a_page_cannot_log_in_by_a_message(headers: dict[str, str]) -> None:
    _, raw = await issued_token()
    message, user = await log_in_by_message(raw, **headers)
    assert (message["status"], user) == (403, None)
