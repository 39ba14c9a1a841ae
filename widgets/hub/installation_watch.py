"""Reads what the whole installation does once a second, and only while somebody is subscribed to it."""

import asyncio
from collections.abc import Callable
from typing import Final

from marketdata.control.document import InstallationDocument, InstallationReader

READING_SECONDS: Final = 1.0


class InstallationWatch:
    """Reads the document of the installation for one follower. `reader` None: there is nothing to read.

    The hub runs it as a task of its own: a cache or a database that does not answer delays no market data.
    """

    def __init__(self, reader: InstallationReader | None, reading_seconds: float = READING_SECONDS) -> None:
        self._reader = reader
        self._reading_seconds = reading_seconds
        self._take: Callable[[InstallationDocument], None] | None = None
        self._followed = asyncio.Event()

    def follow(self, take: Callable[[InstallationDocument], None]) -> None:
        """Call `take` with each document from now on, in place of the follower before."""
        self._take = take
        self._followed.set()

    def end(self) -> None:
        """Read no more."""
        self._take = None
        self._followed.clear()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._followed.wait()
            if self._reader is not None:
                document = await self._reader.newest()
                if self._take is not None:
                    self._take(document)
            await asyncio.sleep(self._reading_seconds)
