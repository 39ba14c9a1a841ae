"""The logins of a web process: who may connect, and who is gone when a login ends.

One `LoginService` per process serves all its connections. Handshakes are asked for in batches. One *look*
after the other asks the database for all open logins, some thousand with each query, and closes or narrows
the connections whose login has changed. No connection has a task, a query or a channel of its own.
"""

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from functools import partial
from typing import Any, Final, TypeAlias

from django.utils import timezone

from marketdata.clock import Clock, SystemClock
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.cancellation import end
from marketdata.units import NS_PER_SECOND
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.accounts.handshakes import HandshakeQueue
from mdp_site.accounts.logins import Login, OpenLogins
from mdp_site.accounts.models import note_use
from mdp_site.accounts.notices import hear_changes
from mdp_site.accounts.standings import Credential, Standing, StandingReader, Way, read_standings
from widgets.viewer import LoginEnd

LOOK_SECONDS: Final = 4.0
"""From the begin of a look to the begin of the next one. A change is found within 5 s: see `SPREAD`."""
SPREAD: Final = 0.15
"""The queries of a look are spread over this part of the time to the next one, so that they stop nothing."""
MOST_IN_A_QUERY: Final = 500
MOST_IN_A_LOOK: Final = 2_500
"""Of one part of a look: each query costs a millisecond, and most answers are those of the last look."""
STOP_SECONDS: Final = 2.0
ENDED_AT_ONCE: Final = 500
"""So many connections are ended before the event loop does other work."""
LAST_USED_SECONDS: Final = 60.0
"""The time of the last use of a token is stored at most this often."""

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Lifespan: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_log = RateLimitedLog(get_logger(__name__))


class LoginService:
    """The entrance of a process: it lets connections in, and follows their logins until they are gone.

    `look_seconds`: from one look at all open logins to the next.

    The tasks start with the first connection, and end with `stop`. A database or channel layer that cannot
    be reached ends no connection.

    Concurrency: for one event loop. Queries run in two threads, one for reading and one for writing, because
    a write may have to wait for another process.
    """

    def __init__(self, *, look_seconds: float = LOOK_SECONDS, clock: Clock | None = None) -> None:
        self._look_seconds = look_seconds
        self._clock = clock or SystemClock()
        self._reading = DatabaseThread("logins")
        self._writing = DatabaseThread("tokens")
        self._open = OpenLogins()
        self._handshakes = HandshakeQueue(self._read)
        self._readers: list[StandingReader] = []  # one for each part of a look
        self._used_tokens: set[int] = set()
        self._stored_at: dict[int, float] = {}
        self._changed_users: set[int] = set()
        self._change_heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def standing(self, credential: Credential) -> Standing | None:
        """The standing of the login of a handshake; None if the login is not valid.

        Raises:
            LoginNotChecked: it cannot be found out now.
        """
        return await self._handshakes.standing(credential)

    @contextlib.contextmanager
    def connection(self, standing: Standing) -> Iterator[Login]:
        """The login of a connection, which is followed as long as the context lasts."""
        self._start()
        if standing.token_id is not None:
            self._used_tokens.add(standing.token_id)
        with self._open.held(standing) as login:
            yield login

    async def disconnect(self, user_id: int, reason: LoginEnd) -> int:
        """End the connections of a user that are open now. Returns how many."""
        logins = self._open.of_user(user_id)
        for number, login in enumerate(logins, 1):
            login.finish(reason)
            if number % ENDED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return len(logins)

    async def look(self, spread_seconds: float = 0.0) -> None:
        """Look once at all open logins: close or narrow the connections whose login has changed.

        The queries are spread over `spread_seconds`.
        """
        parts = _parts(self._open.credentials())
        if len(parts) != len(self._readers):
            self._readers = [StandingReader() for _ in parts]
        begin = self._clock.monotonic()
        for number, (part, reader) in enumerate(zip(parts, self._readers, strict=True)):
            if not await self._look_at(part, reader):
                return  # the next look asks for all of them
            due = begin + spread_seconds * (number + 1) / len(parts)
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
        metrics.LOGINS_CHECKED.set(self._clock.time_ns() / NS_PER_SECOND)

    async def stop(self) -> None:
        """End the tasks and the database connections. The time of the last use of tokens is stored first.

        A database that does not answer is not waited for longer than `STOP_SECONDS`.
        """
        await end(*self._tasks)
        self._tasks.clear()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._store_uses()
                await self._reading.close()
                await self._writing.close()
        except TimeoutError:
            _log.warning("logins not ended in time", reason="the database does not answer")

    def alongside(self, lifespan: Lifespan) -> Lifespan:
        """An ASGI lifespan at whose end this service stops."""

        async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            try:
                await lifespan(scope, receive, send)
            finally:
                await self.stop()

        return serve

    def _start(self) -> None:
        if not self._tasks:
            works = (
                self._look_for_ever(),
                self._look_when_told(),
                hear_changes(self._hear),
                self._note_uses(),
            )
            self._tasks = [asyncio.create_task(work, name="logins") for work in works]

    async def _read(self, credentials: Collection[Credential]) -> dict[Credential, Standing]:
        return await self._reading.run(partial(read_standings, credentials))

    async def _look_at(self, credentials: Collection[Credential], reader: StandingReader) -> bool:
        """Look at these logins. False: the database cannot be asked. The next look finds what has changed."""
        if not credentials:
            return True
        try:
            found = await self._reading.run(partial(reader.read, credentials))
        except Exception as error:  # noqa: BLE001 - no failure of a driver may end the feeds
            metrics.LOGIN_LOOKS.labels("failed").inc()
            _log.warning("logins not checked", reason=type(error).__name__, error=str(error))
            return False
        metrics.LOGIN_LOOKS.labels("done").inc()
        ended = self._open.update(credentials, found)
        if ended:
            metrics.LOGINS_ENDED.inc(ended)
        return True

    async def _look_for_ever(self) -> None:
        while True:
            due = self._clock.monotonic() + self._look_seconds
            await self.look(self._look_seconds * SPREAD)
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))

    def _hear(self, user_id: int) -> None:
        self._changed_users.add(user_id)
        self._change_heard.set()

    async def _look_when_told(self) -> None:
        """Look at the users whom notices name. Notices that arrive during a look share the next one."""
        while True:
            await self._change_heard.wait()
            self._change_heard.clear()
            changed, self._changed_users = self._changed_users, set()
            credentials = self._open.credentials_of(changed)
            for at in range(0, len(credentials), MOST_IN_A_QUERY):
                if not await self._look_at(credentials[at : at + MOST_IN_A_QUERY], StandingReader()):
                    break

    async def _note_uses(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            await self._store_uses()

    async def _store_uses(self) -> None:
        """Store the time of use of the tokens in use, of each once in `LAST_USED_SECONDS`."""
        now = self._clock.monotonic()
        used, self._used_tokens = self._used_tokens | self._open.tokens(), set()
        self._stored_at = {
            token_id: at for token_id, at in self._stored_at.items() if now - at < LAST_USED_SECONDS
        }
        due = sorted(used - self._stored_at.keys())
        try:
            for at in range(0, len(due), MOST_IN_A_QUERY):
                part = due[at : at + MOST_IN_A_QUERY]
                await self._writing.run(partial(note_use, part, timezone.now()))
                self._stored_at |= dict.fromkeys(part, now)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, tokens work without it
            self._used_tokens |= used
            _log.warning("use of tokens not stored", reason=type(error).__name__, error=str(error))


def _parts(credentials: Collection[Credential]) -> list[list[Credential]]:
    """The credentials in parts of about `MOST_IN_A_LOOK` or fewer, each of one way: they take other queries.

    A login stays in its part while others come and go. So most parts are what they were at the last look.
    """
    by_way: defaultdict[Way, list[Credential]] = defaultdict(list)
    for credential in credentials:
        by_way[credential.way].append(credential)
    parts: list[list[Credential]] = []
    for way in Way:
        some = by_way[way]
        count = 1 << max(0, math.ceil(len(some) / MOST_IN_A_LOOK) - 1).bit_length()
        slices: list[list[Credential]] = [[] for _ in range(count)]
        for credential in some:
            slices[hash(credential.key) % count].append(credential)
        parts += slices
    return parts
