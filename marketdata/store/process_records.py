"""The reports of all processes and the facts of the installation, as records in the cache."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys
from marketdata.units import MS_PER_SECOND

REPORT_LIFETIME_SECONDS: Final = 24 * 3_600.0
"""A process that ended stays listed for a day."""

MOST_REPORTS: Final = 256
"""If there are more, those that were silent for longest leave the list."""

FACTS_LIFETIME_SECONDS: Final = 10.0
"""After the last process that holds the facts has ended, others may hold other facts."""

MOST_PIECES: Final = 3
"""How many of the newest pieces of a shard are read. Each has at most 4 KiB."""

# KEYS: reports by identity, identities by the server's time of their newest report, facts.
# ARGV: identity, report, lifetime of reports ms, most reports, lifetime of facts ms, then name and value of
# each fact. Returns all facts.
_REPORT: Final = """
local clock = redis.call('time')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
redis.call('zadd', KEYS[2], now, ARGV[1])
local gone = redis.call('zrangebyscore', KEYS[2], '-inf', now - ARGV[3])
local surplus = redis.call('zcard', KEYS[2]) - #gone - ARGV[4]
if surplus > 0 then gone = redis.call('zrange', KEYS[2], 0, #gone + surplus - 1) end
for _, identity in ipairs(gone) do
  redis.call('hdel', KEYS[1], identity)
  redis.call('zrem', KEYS[2], identity)
end
redis.call('pexpire', KEYS[1], ARGV[3])
redis.call('pexpire', KEYS[2], ARGV[3])
local agreed = true
for i = 6, #ARGV, 2 do
  local held = redis.call('hget', KEYS[3], ARGV[i])
  if not held then redis.call('hset', KEYS[3], ARGV[i], ARGV[i + 1])
  elseif held ~= ARGV[i + 1] then agreed = false end
end
if agreed then redis.call('pexpire', KEYS[3], ARGV[5]) end
return redis.call('hgetall', KEYS[3])
"""


class StoredReport(msgspec.Struct, frozen=True):
    """A report as it is stored, and when the server got it (epoch milliseconds of the server's clock)."""

    value: bytes
    seen_ms: int


class StoredOverview(msgspec.Struct, frozen=True, kw_only=True):
    """All records that an overview needs, read together at `now_ms` of the server's clock.

    `wanted`: service -> its wanted settings, if any. `listener`: the listener's actual state. `set_aside`:
    shard -> its newest pieces.
    `reference_parts`, `reference_load`: see `marketdata.reference`. All but the reports as they are stored.
    """

    now_ms: int
    reports: Sequence[StoredReport]
    wanted: Mapping[str, bytes]
    listener: bytes | None
    reference_parts: bytes | None
    reference_load: bytes | None
    set_aside: Mapping[int, Sequence[bytes]] = {}


class ProcessRecords:
    """The records of all processes. Its methods raise `StoreUnavailable` while the cache is away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._report = redis.register_script(_REPORT)

    async def report(self, identity: str, report: bytes, facts: Mapping[str, str]) -> Mapping[str, str]:
        """Store a report in place of the one before, and forget those that are too old or too many.

        A fact that no process has held lately is taken from `facts`. Returns the facts that all must hold.
        """
        keys = [self._keys.processes(), self._keys.processes_seen(), self._keys.installation()]
        bounds = [_ms(REPORT_LIFETIME_SECONDS), MOST_REPORTS, _ms(FACTS_LIFETIME_SECONDS)]
        named = [text for fact in facts.items() for text in fact]
        with driver_errors():
            answer: list[bytes] = await self._report(keys=keys, args=[identity, report, *bounds, *named])
        texts = [text.decode(errors="replace") for text in answer]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    async def overview(
        self, services: Sequence[str], *, listener: str, reference: str, shard_count: int = 0
    ) -> StoredOverview:
        """Read everything that an overview needs, in one round trip.

        `services` have wanted settings. `listener` and `reference` are the services with an actual state.
        The newest pieces that were set aside are read for `shard_count` shards.
        """
        keys = self._keys
        with driver_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.time()
                pipeline.hgetall(keys.processes())
                pipeline.zrange(keys.processes_seen(), 0, -1, withscores=True)
                pipeline.mget(
                    keys.service(listener),
                    keys.reference_parts(),
                    keys.service(reference),
                    *map(keys.wanted, services),
                )
                for shard in range(shard_count):
                    pipeline.lrange(keys.unknown(shard), -MOST_PIECES, -1)
                answers: list[Any] = await pipeline.execute()
        (seconds, microseconds), reports, seen, values, *pieces = answers
        actual, parts, load, *wanted = values
        seen_ms = {identity: int(score) for identity, score in seen}
        return StoredOverview(
            now_ms=seconds * 1_000 + microseconds // 1_000,
            reports=[StoredReport(value, seen_ms.get(identity, 0)) for identity, value in reports.items()],
            wanted={name: value for name, value in zip(services, wanted, strict=True) if value is not None},
            listener=actual,
            reference_parts=parts,
            reference_load=load,
            set_aside={shard: found for shard, found in enumerate(pieces) if found},
        )


def _ms(seconds: float) -> int:
    return round(seconds * MS_PER_SECOND)
