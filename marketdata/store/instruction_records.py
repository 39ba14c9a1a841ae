"""Instructions to the processes of a service, and their answers, in the cache. See `runtime.instructions`."""

from typing import Any, Final

from redis.asyncio import Redis

from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys
from marketdata.units import MS_PER_SECOND

INSTRUCTIONS_KEPT: Final = 100
INSTRUCTIONS_TTL_SECONDS: Final = 60
ANSWERS_TTL_SECONDS: Final = 3_600
NOWHERE: Final = "0-0"
"""The position before the first entry of a stream."""

_FIELD: Final = b"instruction"


class InstructionRecords:
    """The instructions to one service (`Keys.instructions`, `Keys.answers`).

    They are a stream, so each has the time of the server. All methods raise `StoreUnavailable` while the
    cache is away.
    """

    def __init__(self, redis: Redis, keys: Keys, service: str) -> None:
        self._redis = redis
        self._keys = keys
        self._key = keys.instructions(service)

    async def give(self, value: bytes) -> None:
        """Give an instruction to the processes that run now."""
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xadd(self._key, {_FIELD: value}, maxlen=INSTRUCTIONS_KEPT, approximate=False)
                pipeline.expire(self._key, INSTRUCTIONS_TTL_SECONDS)
                await pipeline.execute()

    async def newest_position(self) -> str:
        """The position of the newest instruction; of none, if there is none."""
        with driver_errors():
            entries: Any = await self._redis.xrevrange(self._key, count=1)
        return entries[0][0].decode() if entries else NOWHERE

    async def after(self, position: str) -> list[tuple[str, float, bytes]]:
        """Position, age in seconds and content of each instruction after a position, the oldest first.

        If the newest one is before the position, the server has lost instructions, or another one with a
        clock that is behind took its place. Then all are returned, also some that were returned before.
        """
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xrange(self._key)
                pipeline.time()
                entries, (seconds, microseconds) = await pipeline.execute()
        last = _ordinal(position.encode())
        if entries and _ordinal(entries[-1][0]) >= last:
            entries = [each for each in entries if _ordinal(each[0]) > last]
        now_seconds = seconds + microseconds / 1_000_000
        return [
            (entry.decode(), now_seconds - int(entry.partition(b"-")[0]) / MS_PER_SECOND, fields[_FIELD])
            for entry, fields in entries
        ]

    async def answer(self, instruction: str, source: str, value: bytes) -> None:
        """Store what a process answers to an instruction."""
        key = self._keys.answers(instruction)
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(key, source, value)
                pipeline.expire(key, ANSWERS_TTL_SECONDS)
                await pipeline.execute()

    async def answers(self, instruction: str) -> list[bytes]:
        """The answers to an instruction so far."""
        with driver_errors():
            values: Any = await self._redis.hvals(self._keys.answers(instruction))
        return list(values)


def _ordinal(position: bytes) -> tuple[int, int]:
    """A position as numbers that can be compared: milliseconds of the server, and a number within them."""
    milliseconds, _, number = position.partition(b"-")
    return int(milliseconds), int(number)
