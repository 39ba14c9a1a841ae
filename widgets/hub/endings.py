"""How connections ended in the last 15 minutes, by close code."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from marketdata.clock import Clock
from widgets.protocol import CloseCode

COUNTED_SECONDS: Final = 15 * 60
_SLICE_SECONDS: Final = 60

CLIENT_CODES: Final[Mapping[int, str]] = {
    1000: "1000 by the client",
    1001: "1001 page left",
    1005: "1005 by the client, without a code",
    1006: "1006 lost",
}
"""Codes with which clients end connections, or which stand for a missing close frame (RFC 6455, 7.4.1)."""

OTHER_CODE: Final = "another code, by the client"
"""A client may send any code. They are counted together, so that it cannot fill the memory."""


def ended_by_server(code: CloseCode) -> str:
    """The name of an end by this server."""
    return f"{code.value} {code.name.lower().replace('_', ' ')}"


def ended_by_client(code: int) -> str:
    """The name of an end that the web server reports: by the client, or by the server for a broken frame."""
    return _REPORTED.get(code, OTHER_CODE)


_REPORTED: Final[Mapping[int, str]] = {
    **{code.value: ended_by_server(code) for code in CloseCode},
    **CLIENT_CODES,
}


class Endings:
    """Counts ends. Those of a minute leave the counts together, so the span is 15 to 16 minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slices: deque[tuple[int, Counter[str]]] = deque()

    def note(self, name: str) -> None:
        """Count one end; `name` is of `ended_by_server` or `ended_by_client`."""
        number = self._forget_old()
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Counter()))
        self._slices[-1][1][name] += 1

    def counts(self) -> Mapping[str, int]:
        """The counts of the last 15 minutes, the most frequent first."""
        self._forget_old()
        total: Counter[str] = Counter()
        for _, counts in self._slices:
            total.update(counts)
        return dict(total.most_common())

    def _forget_old(self) -> int:
        number = int(self._clock.monotonic() // _SLICE_SECONDS)
        while self._slices and self._slices[0][0] < number - COUNTED_SECONDS // _SLICE_SECONDS:
            self._slices.popleft()
        return number
