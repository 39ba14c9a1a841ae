"""The answer to a handshake that is refused: an HTTP status, and a text for the author of the client."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

RESPONSE_EXTENSION: Final = "websocket.http.response"
"""The ASGI extension of a server that can answer a handshake with a body."""


async def answer_refused(
    scope: Mapping[str, Any],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    text: str,
    *,
    status: HTTPStatus = HTTPStatus.FORBIDDEN,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Answer a handshake whose `websocket.connect` was received.

    The body has the text. A server without the extension can send neither text nor headers, and answers 403.
    """
    if RESPONSE_EXTENSION not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = f"{text}\n".encode()
    all_headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "websocket.http.response.start", "status": status.value, "headers": all_headers})
    await send({"type": "websocket.http.response.body", "body": body})
