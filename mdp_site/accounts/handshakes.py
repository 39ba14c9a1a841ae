"""Asks for the logins of handshakes in batches, so that no handshake costs a query of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import islice
from typing import Final, TypeAlias

from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site.accounts.standings import Credential, Standing

MOST_IN_A_BATCH: Final = 200
MOST_UNDER_WAY: Final = 2_000
"""Handshakes that may wait. A batch takes some ten milliseconds, so the last one waits less than a second."""
ANSWER_SECONDS: Final = 10.0
COLLECTING_SECONDS: Final = 0.02
"""From one batch to the next one at least. A batch of one takes nearly as long as a batch of ten. So without
the pause, some hundred handshakes a second would keep a core busy. A lone handshake does not wait."""

Read: TypeAlias = Callable[[Collection[Credential]], Awaitable[Mapping[Credential, Standing]]]

_log = RateLimitedLog(get_logger(__name__))


class LoginNotChecked(Exception):
    """The login of a handshake cannot be checked now. It says nothing about the login."""


class HandshakeQueue:
    """Collects the handshakes that wait, and asks for all of them at once.

    While one batch is asked for, the next one collects. Handshakes with the same login share an answer.

    Concurrency: for one event loop. There is a task only while a handshake waits.
    """

    def __init__(
        self, read: Read, *, most_under_way: int = MOST_UNDER_WAY, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._read = read
        self._most_under_way = most_under_way
        self._answer_seconds = answer_seconds
        self._under_way = 0
        self._waiting: dict[Credential, asyncio.Future[Standing | None]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._next_at = 0.0  # time of the loop

    async def standing(self, credential: Credential) -> Standing | None:
        """The standing of a login; None if it is not valid.

        Raises:
            LoginNotChecked: too many handshakes wait, or the database does not answer in time.
        """
        if self._under_way >= self._most_under_way:
            raise LoginNotChecked(f"{self._most_under_way} handshakes wait already")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.shield(self._answer_to(credential))
        except TimeoutError:
            raise LoginNotChecked(f"no answer in {self._answer_seconds:g} s") from None
        finally:
            self._under_way -= 1

    def _answer_to(self, credential: Credential) -> asyncio.Future[Standing | None]:
        answer = self._waiting.get(credential)
        if answer is None:
            answer = self._waiting[credential] = asyncio.get_running_loop().create_future()
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._work(), name="handshakes")
        return answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(max(0.0, self._next_at - loop.time()))
            batch = {credential: self._waiting.pop(credential) for credential in self._next_batch()}
            try:
                found = await self._read(batch.keys())
            except Exception as error:  # noqa: BLE001 - whatever the driver raises, those who wait must hear it
                _log.warning("logins not checked", reason=type(error).__name__, error=str(error))
                batch |= self._waiting  # nobody waits once more for a database that is away
                self._waiting.clear()
                for answer in batch.values():
                    answer.set_exception(LoginNotChecked("the database does not answer"))
                    answer.exception()  # nobody may wait any more, which is no defect
            else:
                for credential, answer in batch.items():
                    answer.set_result(found.get(credential))
            self._next_at = loop.time() + COLLECTING_SECONDS

    def _next_batch(self) -> list[Credential]:
        return list(islice(self._waiting, MOST_IN_A_BATCH))
