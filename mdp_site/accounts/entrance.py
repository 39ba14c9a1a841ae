"""Authenticates WebSocket handshakes: of a browser with a session, or of a program with a token.

A browser needs its session cookie and an `Origin` of the site. A program needs
`Authorization: Bearer <token>` and no `Origin`. Any other handshake is answered with HTTP 403, before the
socket exists. The consumer finds the `Login` in its scope, as the viewer of the connection.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from mdp_site.accounts.logins import RECHECK_SECONDS, Login
from mdp_site.accounts.models import User, authenticate_token_async
from mdp_site.accounts.roles import Right, feeds_of, rights_of
from mdp_site.origins import canonical_host, canonical_origin
from widgets.viewer import VIEWER_KEY, Viewer

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

REFUSED_RIGHT: Final = "this account has no right to market data; accepted: an account whose role has it"


class WebSocketEntrance:
    """Authenticates a handshake by its headers, and passes it on or refuses it.

    The login of an open connection is checked every `recheck_seconds`.
    """

    def __init__(self, application: Application, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._application = application
        self._recheck_seconds = recheck_seconds
        self._with_user_of_session = AuthMiddlewareStack(self._by_session)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the handshake on, or refuse it."""
        if "authorization" in _headers(scope):
            await self._by_token(scope, receive, send)
        elif origin_is_ours(scope):
            await self._with_user_of_session(scope, receive, send)
        else:
            await refuse(scope, receive, send, REFUSED_ORIGIN)

    async def _by_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate a browser. The scope must contain `user` and `session`."""
        user = scope["user"]
        if not user.is_authenticated:
            await refuse(scope, receive, send, REFUSED_ANONYMOUS)
            return
        await self._enter(user, scope, receive, send, session_key=scope["session"].session_key)

    async def _by_token(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate a program. A handshake with an `Origin` comes from a page, which has no token."""
        headers = _headers(scope)
        scheme, _, raw = headers["authorization"].partition(" ")
        usable = scheme.lower() == "bearer" and "origin" not in headers
        token = await authenticate_token_async(raw.strip()) if usable else None
        if token is None:
            await refuse(scope, receive, send, REFUSED_TOKEN)
            return
        await self._enter(token.user, scope, receive, send, token_id=token.pk)

    async def _enter(
        self,
        user: User,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        session_key: str | None = None,
        token_id: int | None = None,
    ) -> None:
        """Pass on the handshake of an authenticated user who has the right to market data."""
        if Right.MARKET_DATA not in rights_of(user):
            await refuse(scope, receive, send, REFUSED_RIGHT)
            return
        viewer: Viewer = Login(
            user_id=user.pk,
            username=user.get_username(),
            permissions=feeds_of(user),
            session_key=session_key,
            token_id=token_id,
            recheck_seconds=self._recheck_seconds,
        )
        await self._application({**scope, VIEWER_KEY: viewer}, receive, send)


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


async def refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    """Answer the handshake with HTTP 403. The body contains the reason, if the server can send a body."""
    await receive()  # the handshake itself, `websocket.connect`
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
