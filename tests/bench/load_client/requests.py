"""Handshakes as clients send them, byte for byte."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SUBPROTOCOL: Final = "mdp.v2"
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455, section 1.3. The load client knows the answer to it, and to no other."""
CHROMIUM: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


@dataclass(frozen=True, slots=True)
class Login:
    """A user's session and API token."""

    session_key: str
    token: str


def handshake(port: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A request to open the Widget Data Service's WebSocket, with further headers."""
    lines = [
        "GET /ws/ HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def browser_headers(port: int, session_key: str) -> list[tuple[str, str]]:
    """What Chromium adds: the cookie, the origin of the page, and the offer of compression."""
    return [
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("User-Agent", CHROMIUM),
        ("Origin", f"http://127.0.0.1:{port}"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", "en-US,en;q=0.9"),
        ("Cookie", f"mdp_session={session_key}"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ]


def program_headers(token: str) -> list[tuple[str, str]]:
    """What a program sends that has a token and does not compress."""
    return [("Authorization", f"Bearer {token}")]
