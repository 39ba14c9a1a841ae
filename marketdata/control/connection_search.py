"""Finds the connections of one user in all web processes: each is asked, and looks at its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeVar

import msgspec

from marketdata.clock import Clock
from marketdata.control.client_views import connection_view
from marketdata.control.views import ConnectionView
from marketdata.errors import StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.connection_report import ConnectionStatus
from marketdata.store.question_records import Hearers
from marketdata.units import NS_PER_MS

ANSWER_SECONDS: Final = 2.0
"""How long a search waits for the processes. One that is stuck is named as missing."""

RETRY_SECONDS: Final = 1.0

MOST_FOUND: Final = 100
"""How many connections each process names."""

T = TypeVar("T")

_log: Final = RateLimitedLog(get_logger(__name__))


class FoundConnections(msgspec.Struct, frozen=True):
    """What one process found: the first connections of the user, and how many there are."""

    connections: Sequence[ConnectionStatus] = ()
    total: int = 0


class FoundEverywhere(msgspec.Struct, frozen=True, kw_only=True):
    """The connections of a user. `total` counts also those that are not named.

    If fewer processes answered than were asked, connections may be missing.
    """

    user: str
    total: int
    connections: Sequence[ConnectionView]
    processes_asked: int
    processes_answered: int


class _Question(msgspec.Struct, frozen=True):
    id: str
    user: str


class _Answer(msgspec.Struct, frozen=True):
    """What a process found; `now_ms` is its clock."""

    process: str
    now_ms: int
    found: FoundConnections


class Heard(Protocol):
    """Questions as they are asked."""

    async def next(self) -> bytes:
        """The next question. Raises `StoreUnavailable`."""


class Questions(Protocol):
    """See `marketdata.store.question_records`. All raise `StoreUnavailable`."""

    async def ask(self, question: bytes) -> Hearers:
        """Publish a question."""

    async def answers(self, question_id: str, most: int, within_seconds: float) -> Sequence[bytes]:
        """The answers: so many, or those that came in time."""

    async def answer(self, question_id: str, value: bytes) -> None:
        """Answer a question."""

    def questions(self) -> AbstractAsyncContextManager[Heard]:
        """A subscription to questions."""


class ConnectionSearch:
    """Asks all web processes."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def of_user(self, user: str) -> FoundEverywhere:
        """The connections of a user by name, in any case of letters. Raises `StoreUnavailable`."""
        question = _Question(secrets.token_hex(8), user)
        asked = await self._questions.ask(msgspec.json.encode(question))
        stored = await self._questions.answers(question.id, asked.processes, ANSWER_SECONDS)
        answers = [answer for value in stored if (answer := _read(value, _Answer)) is not None]
        return FoundEverywhere(
            user=user,
            total=sum(answer.found.total for answer in answers),
            connections=[
                connection_view(answer.process, answer.now_ms - asked.now_ms, each)
                for answer in answers
                for each in answer.found.connections
            ],
            processes_asked=asked.processes,
            processes_answered=len(answers),
        )


class ConnectionAnswers:
    """Answers for one process, `host:pid`, while it runs. `find` looks at its connections."""

    def __init__(
        self, questions: Questions, find: Callable[[str], FoundConnections], *, process: str, clock: Clock
    ) -> None:
        self._questions = questions
        self._find = find
        self._process = process
        self._clock = clock

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            try:
                async with self._questions.questions() as heard:
                    async for question in _endless(heard):
                        await self._answer(question)
            except StoreUnavailable as error:
                _log.warning("questions not heard", reason="store_unavailable", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _answer(self, stored: bytes) -> None:
        if (question := _read(stored, _Question)) is None:
            _log.warning("question unreadable", reason="content")
            return
        answer = _Answer(self._process, self._clock.time_ns() // NS_PER_MS, self._find(question.user))
        await self._questions.answer(question.id, msgspec.json.encode(answer))


async def _endless(heard: Heard) -> AsyncIterator[bytes]:
    while True:
        yield await heard.next()


def _read(value: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeError):
        return None
