"""A client of version 1 of the protocol, as clients that exist already are written, and what it holds.

It logs in by a message, subscribes to one feed, and takes whatever comes as that feed's data. It knows
nothing of version 2.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from tests.support.deadlines import scaled

IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "daily_range_hod_alert": ("symbol", "start_timestamp", "price"),
    "trades:AAPL": ("symbol", "trade_timestamp", "trade_sequence_number"),
}
"""Which fields identify an entry of a list."""


class Version1Client:
    """The dialogue over a socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(message))

    async def receive(self, within_seconds: float = 5.0) -> Any:
        """The next frame."""
        async with asyncio.timeout(scaled(within_seconds)):
            return json.loads(await self.connection.recv())

    async def ask(self, **message: Any) -> Any:
        """Send a message, and return the answer. Data frames before it are left out."""
        await self.send(**message)
        while not (isinstance(answer := await self.receive(), dict) and answer.keys() & {"status", "cache"}):
            pass
        return answer

    async def authorize(self, api_key: str) -> Any:
        """Log in."""
        return await self.ask(action="auth", api_key=api_key)

    async def data(self, matching: Callable[[Any], bool], within_seconds: float = 5.0) -> Any:
        """The next frame that matches."""
        async with asyncio.timeout(scaled(within_seconds)):
            while not matching(payload := json.loads(await self.connection.recv())):
                pass
        return payload

    async def closed(self, within_seconds: float = 5.0) -> int | None:
        """Wait until the server has closed the connection, and return the close code."""
        async with asyncio.timeout(scaled(within_seconds)):
            await self.connection.wait_closed()
        return self.connection.close_code


class PayloadCopy:
    """What a client of one feed makes of its payloads. An entry of a list that comes twice fails the test."""

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.board: list[dict[str, Any]] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.entries: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._sent: set[tuple[Any, ...]] = set()

    def apply(self, payload: Any) -> None:
        """Take a data frame."""
        if self.feed in IDENTITY:
            key = self._key(payload)
            assert key not in self._sent, "an entry was sent twice"
            self._sent.add(key)
            self.entries[key] = payload
        elif self.feed.endswith(":*"):
            self.rows |= {row["symbol"]: row for row in payload}
        elif isinstance(payload, list):
            self.board = payload
        else:
            self.rows = {payload["symbol"]: payload}

    def begin_anew(self) -> None:
        """Connect again: only what was sent on this connection can be sent twice."""
        self._sent.clear()

    def add(self, got: Iterable[Mapping[str, Any]]) -> None:
        """Take the entries of a list that `get` has answered."""
        self.entries |= {self._key(entry): dict(entry) for entry in got}

    def _key(self, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(entry[name] for name in IDENTITY[self.feed])
