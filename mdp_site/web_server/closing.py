"""Gives every close frame of the server a reason that begins with what the client should do."""

from collections.abc import Mapping
from typing import Final

from websockets.frames import CloseCode as LibraryCode
from websockets.server import ServerProtocol

from widgets.protocol import CloseCode

LONGEST_REASON_BYTES: Final = 123
"""RFC 6455, section 5.5: a control frame has at most 125 bytes, of which the code takes two."""
_KNOWN: Final[Mapping[int, CloseCode]] = {each.value: each for each in CloseCode}


class ExplainingProtocol(ServerProtocol):
    """websockets' own protocol of a connection, with an action before the reason of each close frame.

    The library and uvicorn close with reasons of their own, or with none.
    """

    def fail(self, code: LibraryCode | int, reason: str = "") -> None:
        """End the connection, because the client broke the protocol or a limit, or does not answer."""
        super().fail(code, explained(code, reason))

    def send_close(self, code: LibraryCode | int | None = None, reason: str = "") -> None:
        """Begin the closing handshake."""
        super().send_close(code, reason if code is None else explained(code, reason))


def explained(code: int, reason: str) -> str:
    """The reason with the action of its code. The reason of a code that is not ours stays as it is."""
    known = _KNOWN.get(code)
    if known is None or reason.startswith(f"{known.action}: "):
        return reason
    text = f"{known.action}: {reason or known.words}"
    return text.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore")
