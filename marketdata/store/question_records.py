"""Questions of operators to all web processes, and their answers, by the cache.

A question is published, so it costs nothing while no operator asks. The server says how many processes
hear it: so who asks knows how many answers to wait for.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from marketdata.errors import StoreUnavailable
from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys

ANSWERS_TTL_SECONDS: Final = 10
LISTENING_SECONDS: Final = 5.0
"""So often at least, a process looks whether its connection still works."""


class Hearers(msgspec.Struct, frozen=True):
    """How many processes hear a question, and the server's time (epoch ms)."""

    processes: int
    now_ms: int


class QuestionRecords:
    """Questions (`Keys.questions`) and answers. All methods raise `StoreUnavailable` if the cache is away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def ask(self, question: bytes) -> Hearers:
        """Publish a question."""
        with driver_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.time()
                pipeline.publish(self._keys.questions(), question)
                answers: list[Any] = await pipeline.execute()
        (seconds, microseconds), processes = answers
        return Hearers(processes, seconds * 1_000 + microseconds // 1_000)

    async def answers(self, question_id: str, most: int, within_seconds: float) -> Sequence[bytes]:
        """The answers to a question: so many, or those that came in time."""
        found: list[bytes] = []
        key, loop = self._keys.question_answers(question_id), asyncio.get_running_loop()
        deadline = loop.time() + within_seconds
        with driver_errors():
            while len(found) < most and (left := deadline - loop.time()) > 0:
                answer: Any = await self._redis.blpop([key], timeout=max(left, 0.01))
                if answer is not None:
                    found.append(answer[1])
        return found

    async def answer(self, question_id: str, value: bytes) -> None:
        """Answer a question."""
        key = self._keys.question_answers(question_id)
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.rpush(key, value)
                pipeline.expire(key, ANSWERS_TTL_SECONDS)
                await pipeline.execute()

    @contextlib.asynccontextmanager
    async def questions(self) -> AsyncIterator["HeardQuestions"]:
        """A subscription to questions. Those that are asked before it are not heard."""
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            with driver_errors():
                await pubsub.subscribe(self._keys.questions())
            yield HeardQuestions(pubsub)
        finally:
            with contextlib.suppress(StoreUnavailable), driver_errors():
                await pubsub.aclose()  # type: ignore[no-untyped-call]


class HeardQuestions:
    """Questions as they are asked."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def next(self) -> bytes:
        """The next question. Raises `StoreUnavailable` if the connection is lost."""
        while True:
            with driver_errors():
                message: Any = await self._pubsub.get_message(timeout=LISTENING_SECONDS)
            if message is not None and isinstance(message["data"], bytes):
                return bytes(message["data"])
