"""Authenticates WebSocket handshakes: of a browser with a session, or of a program with a token.

A browser needs an `Origin` of the site, and its session cookie or a page token (`page_tokens`). A program
needs `Authorization: Bearer <token>` and no `Origin`. Any other handshake is answered with HTTP 403, before
the socket exists. The answer is 503 if logins cannot be checked now, and 400 if a header is repeated. The
consumer finds the `Login` in its scope, as the viewer of the connection.

A program of version 1 of the protocol offers no subprotocol, and sends its API token in its first message.
Its consumer finds a `LogIn` in its scope. A page always has an `Origin`, so no page gets in this way.
"""

import contextlib
import enum
import random
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

from marketdata.observability import metrics
from mdp_site.accounts.handshakes import LoginNotChecked
from mdp_site.accounts.journal import note_refused_handshake
from mdp_site.accounts.login_service import LoginService
from mdp_site.accounts.models import digest_of_secret
from mdp_site.accounts.page_tokens import (
    PageTokenRefused,
    page_token_among,
    read_page_token,
    without_page_token,
)
from mdp_site.accounts.standings import Credential, Standing, Way
from mdp_site.origins import canonical_host, canonical_origin
from widgets.refusal import answer_refused
from widgets.viewer import LOG_IN_KEY, VIEWER_KEY, LoginEnd, LogInRefused, Viewer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

REFUSED_ANONYMOUS: Final = (
    "not logged in; accepted: the session of a logged-in user, or Authorization: Bearer <token>"
)
REFUSED_ORIGIN: Final = (
    "foreign or missing Origin; accepted: a page of this site, or Authorization: Bearer <token>"
)
REFUSED_TOKEN: Final = (
    "token unknown, expired or revoked; accepted: Authorization: Bearer <token>, without Origin"  # noqa: S105 - a message
)
REFUSED_TOKEN_OF_PAGE: Final = (
    "Authorization and Origin together; accepted: Authorization: Bearer <token>, without Origin"  # noqa: S105 - a message
)
REFUSED_PAGE_TOKEN: Final = (
    "page token forged, expired, or of an ended session; accepted: a new one of the same page"  # noqa: S105 - a message
)
REFUSED_RIGHT: Final = "this account has no right to market data; accepted: an account whose role has it"
REFUSED_REPEATED: Final = "the header {} is there twice; accepted: once"
REFUSED_BUSY: Final = "reconnect: the login cannot be checked now"

RETRY_SECONDS: Final = (1, 5)
"""Clients that were refused with 503 are told to come back after a time in these bounds, not all at once."""
SINGLE_HEADERS: Final = frozenset({"authorization", "host", "origin"})
"""RFC 9110, section 5.3. A proxy may check the first of two, and this site the last."""
SESSION_KEY: Final = re.compile(r"[0-9a-z]{8,40}")
"""The keys that Django makes. Another text is not sent to the database: NUL characters would fail there."""


class _Reason(enum.StrEnum):
    """Why a handshake is refused, in the log and in the metric."""

    ORIGIN = "origin"
    ANONYMOUS = "anonymous"
    TOKEN = "token"  # noqa: S105 - a reason
    PAGE_TOKEN = "page token"  # noqa: S105 - a reason
    RIGHT = "right"
    BUSY = "busy"
    REPEATED_HEADER = "repeated header"


class _Refused(Exception):
    """A handshake that is refused. `detail` is for the log alone."""

    def __init__(self, reason: _Reason, text: str, *, detail: str = "", user_id: int | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.detail = detail
        self.user_id = user_id


_STATUSES: Final = {
    _Reason.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    _Reason.REPEATED_HEADER: HTTPStatus.BAD_REQUEST,
}
"""Of other refusals it is 403."""
_ENDS: Final = {_Reason.RIGHT: LoginEnd.NO_RIGHT, _Reason.BUSY: None}


class WebSocketEntrance:
    """Authenticates a handshake by its headers, and passes it on or refuses it."""

    def __init__(self, application: Application, logins: LoginService) -> None:
        self._application = application
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the handshake on, or refuse it."""
        try:
            logs_in_later = _logs_in_by_message(scope)
            standing = None if logs_in_later else await self._standing(*_credential(scope))
        except _Refused as refused:
            _note(scope, refused)
            await refuse(scope, receive, send, str(refused), _STATUSES.get(refused.reason))
            return
        if standing is None:
            await self._pass_on_without_login(scope, receive, send)
            return
        with self._logins.connection(standing) as login:
            viewer: Viewer = login
            offered = without_page_token(scope.get("subprotocols", ()))
            await self._application({**scope, "subprotocols": offered, VIEWER_KEY: viewer}, receive, send)

    async def _pass_on_without_login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the handshake on with a way to log in. The login is followed until the connection ends."""
        with contextlib.ExitStack() as held:

            async def log_in(api_key: str) -> Viewer:
                try:
                    standing = await self._standing(_token_credential(api_key))
                except _Refused as refused:
                    _note(scope, refused)
                    raise LogInRefused(_ENDS.get(refused.reason, LoginEnd.LOGGED_OUT)) from refused
                return held.enter_context(self._logins.connection(standing))

            await self._application({**scope, LOG_IN_KEY: log_in}, receive, send)

    async def _standing(self, credential: Credential, user_id: int | None = None) -> Standing:
        try:
            standing = await self._logins.standing(credential)
        except LoginNotChecked as error:
            raise _Refused(_Reason.BUSY, REFUSED_BUSY, detail=str(error)) from error
        if standing is None or user_id not in {None, standing.user_id}:
            raise _not_valid(credential.way)
        if not standing.may_see_market_data:
            raise _Refused(_Reason.RIGHT, REFUSED_RIGHT, user_id=standing.user_id)
        return standing


def _logs_in_by_message(scope: Scope) -> bool:
    """Whether the handshake is that of a program of version 1."""
    return not scope.get("subprotocols") and _headers(scope).keys().isdisjoint(("origin", "authorization"))


def _credential(scope: Scope) -> tuple[Credential, int | None]:
    """What the handshake logs in with, and for a page token the user whom the token names.

    Raises:
        _Refused: it has nothing to log in with, or something that cannot be valid.
    """
    headers = _headers(scope)
    if "authorization" in headers:
        return _token_in(headers), None
    if not origin_is_ours(scope):
        raise _Refused(_Reason.ORIGIN, REFUSED_ORIGIN)
    page_token = page_token_among(scope.get("subprotocols", ()))
    if page_token is None:
        return _session_in(headers), None
    try:
        user_id, listed_session_id = read_page_token(page_token)
    except PageTokenRefused as error:
        raise _Refused(_Reason.PAGE_TOKEN, REFUSED_PAGE_TOKEN, detail=str(error)) from error
    return Credential(Way.PAGE_TOKEN, str(listed_session_id)), user_id


def _token_in(headers: Mapping[str, str]) -> Credential:
    """The token of a program. A handshake with an `Origin` comes from a page, which has no such token.

    Some libraries for programs send an `Origin` by themselves. Their users must not look for a fault of the
    token.
    """
    if "origin" in headers:
        raise _Refused(_Reason.TOKEN, REFUSED_TOKEN_OF_PAGE, detail="Authorization and Origin together")
    scheme, _, raw = headers["authorization"].partition(" ")
    if scheme.lower() != "bearer":
        raise _not_valid(Way.TOKEN)
    return _token_credential(raw)


def _token_credential(raw: str) -> Credential:
    digest = digest_of_secret(raw.strip())
    if digest is None:
        raise _not_valid(Way.TOKEN)
    return Credential(Way.TOKEN, digest)


def _session_in(headers: Mapping[str, str]) -> Credential:
    key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    if not SESSION_KEY.fullmatch(key):
        raise _not_valid(Way.SESSION)
    return Credential(Way.SESSION, key)


def _not_valid(way: Way) -> _Refused:
    if way is Way.TOKEN:
        return _Refused(_Reason.TOKEN, REFUSED_TOKEN)
    if way is Way.PAGE_TOKEN:
        return _Refused(_Reason.PAGE_TOKEN, REFUSED_PAGE_TOKEN, detail="the session has ended")
    return _Refused(_Reason.ANONYMOUS, REFUSED_ANONYMOUS)


def origin_is_ours(scope: Scope) -> bool:
    """Whether the `Origin` of the handshake is this site or a trusted origin.

    The rule is that of Django's CSRF protection. The origin must have the scheme, host and port of the
    request, and the host must be in ALLOWED_HOSTS. Or it is in CSRF_TRUSTED_ORIGINS, which include SITE_URL.
    Without this check any page could open a socket with the visitor's cookie: cross-site WebSocket hijacking.
    """
    headers = _headers(scope)
    origin, host = canonical_origin(headers.get("origin", "")), headers.get("host", "")
    if not origin:
        return False
    domain, _port = split_domain_port(host)
    if domain and validate_host(domain, settings.ALLOWED_HOSTS):
        scheme = "https" if scope.get("scheme") == "wss" else "http"
        if origin == f"{scheme}://{canonical_host(host, scheme)}":
            return True
    return any(_matches(origin, pattern) for pattern in settings.CSRF_TRUSTED_ORIGINS)


def _matches(origin: str, pattern: str) -> bool:
    """Whether the origin equals the pattern. As in Django, `https://*.example.com` matches all subdomains."""
    scheme, _, rest = pattern.partition("://")
    if not rest.startswith("*"):
        return origin == canonical_origin(pattern)
    parts = urlsplit(origin)
    return parts.scheme == scheme and parts.netloc.endswith(rest[1:].lower())


def _note(scope: Scope, refused: _Refused) -> None:
    metrics.WIDGET_REFUSED.labels(refused.reason.value).inc()
    note_refused_handshake(scope, reason=refused.reason.value, detail=refused.detail, user_id=refused.user_id)


async def refuse(
    scope: Scope, receive: Receive, send: Send, text: str, status: HTTPStatus | None = None
) -> None:
    """Answer the handshake with an HTTP status, 403 by default. The body has the text, if one can be sent."""
    await receive()  # the handshake itself, `websocket.connect`
    status = status or HTTPStatus.FORBIDDEN
    headers = []
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(random.randint(*RETRY_SECONDS)).encode()))  # noqa: S311 - spreads a load
    await answer_refused(scope, send, text, status=status, headers=headers)


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name. Several of cookies are joined, as those of HTTP/2 are (RFC 9113, section 8.2.3).

    Raises:
        _Refused: a header is repeated that can have one value only.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in headers and name in SINGLE_HEADERS:
            raise _Refused(_Reason.REPEATED_HEADER, REFUSED_REPEATED.format(name), detail=name)
        headers[name] = f"{headers[name]}; {value}" if name == "cookie" and name in headers else value
    return headers
