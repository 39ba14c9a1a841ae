"""The bounds on WebSocket handshakes, by the address that the trusted proxies report."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from mdp_site.web_server.reasons import Reason

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application. Channels, Django and uvicorn each describe its messages by other types."""

BEGIN_HANDSHAKE: Final = "mdp.begin_handshake"
"""Where a WebSocket connection offers the function that counts its handshake: client -> why it is refused."""
RETRY_AFTER_SECONDS: Final = 5
_WORDS: Final[Mapping[Reason, bytes]] = {
    Reason.ADDRESS_HANDSHAKES: b"too many handshakes under way from this address\n",
    Reason.ADDRESS_CONNECTIONS: b"too many connections from this address\n",
}


def with_bounded_handshakes(application: Application) -> Application:
    """The application, which sees only handshakes within the bound. Others are answered with HTTP 503."""

    async def bounded(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        begin = scope.get("extensions", {}).pop(BEGIN_HANDSHAKE, None)
        refused: Reason | None = None if begin is None else begin(scope["client"])
        if refused is None:
            await application(scope, receive, send)
            return
        body = _WORDS[refused]
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(RETRY_AFTER_SECONDS).encode()),
        ]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})

    return bounded
