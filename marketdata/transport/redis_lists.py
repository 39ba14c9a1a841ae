"""Queues as Redis (or Valkey) lists: the embedded transport, with no broker beside the cache.

Keys, all under the prefix and each with a lifetime, so that an abandoned queue vanishes:

=================================  ======  ==========================================================
``{prefix}:{queue}:{shard}``       list    batches that wait, oldest first (bytes: `envelope`)
``{prefix}:{queue}:{shard}:loan``  hash    loan number -> batch, until acknowledged
``{prefix}:wake:{shard}``          list    one token when something was published: readers block on it
``{prefix}:owner:{shard}``         string  the lease: which subscription owns the shard
=================================  ======  ==========================================================

Publishing is one pipeline. Whatever needs ownership is a script that checks the lease in the same step,
so a reader that was paused beyond its lease gets nothing and removes nothing. Who acquires the
shard first puts what was on loan back to the head of its queue, in order.

The publisher trims what is too old or too much, the reader drops what grew too old since. Both judge by
their own clock: machines that share queues need theirs synchronised (NTP) to a small part of the TTL.
"""

import asyncio
import contextlib
import secrets
import weakref
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final, NamedTuple, Self, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from marketdata.clock import Clock
from marketdata.errors import (
    ConfigurationError,
    ContentError,
    OwnershipLost,
    TopologyMismatch,
    TransportUnavailable,
)
from marketdata.observability.metrics import TRANSPORT_ERRORS
from marketdata.transport.accounting import Intake, count_published, note_depths
from marketdata.transport.base import Batch, Delivery, QueueDepth
from marketdata.transport.envelope import decode, encode, oldest_received_ms
from marketdata.transport.queues import QueueLimits, QueueName

LEASE_MS: Final = 3_000
RENEWALS_PER_LEASE: Final = 3
STANDBY_POLL_SECONDS: Final = 0.3
LONGEST_BLOCK_SECONDS: Final = 1.0
MOST_BATCHES_A_QUEUE: Final = 64
"""Handed over in one call: bounds how long a script may hold the server (64 batches of 170 kB: some ms)."""

# Bounds one queue and wakes its reader.
# KEYS: queue, wake-up list. ARGV: oldest received ms, most batches, lifetime ms.
_BOUND = """
local surplus = redis.call('LLEN', KEYS[1]) - tonumber(ARGV[2])
if surplus > 0 then redis.call('LTRIM', KEYS[1], surplus, -1) end
local oldest = tonumber(ARGV[1])
local head = redis.call('LINDEX', KEYS[1], 0)
while head and (#head < 8 or struct.unpack('>I8', head) < oldest) do
  redis.call('LTRIM', KEYS[1], 1, -1)
  head = redis.call('LINDEX', KEYS[1], 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], '1') end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""

# Puts what is on loan back to the head of its queue, in order.
_RECLAIM = """
local function reclaim(queue, loan, lifetime)
  local numbers = redis.call('HKEYS', loan)
  table.sort(numbers, function(a, b) return tonumber(a) > tonumber(b) end)
  for _, number in ipairs(numbers) do
    redis.call('LPUSH', queue, redis.call('HGET', loan, number))
  end
  redis.call('DEL', loan)
  redis.call('PEXPIRE', queue, lifetime)
end
"""

# KEYS: lease, then queue and loan of each queue. ARGV: owner, lease ms, lifetime ms. Answers 1 to the owner.
_ACQUIRE = (
    _RECLAIM
    + """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for i = 2, #KEYS, 2 do reclaim(KEYS[i], KEYS[i + 1], ARGV[3]) end
return 1
"""
)

# KEYS as above. ARGV: owner, lifetime ms.
_RELEASE = (
    _RECLAIM
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #KEYS, 2 do reclaim(KEYS[i], KEYS[i + 1], ARGV[2]) end
return redis.call('DEL', KEYS[1])
"""
)

# KEYS: lease. ARGV: owner, lease ms.
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# Moves batches from queue to loan. KEYS as for _ACQUIRE. ARGV: owner, most on loan, most in one call,
# lifetime ms, first loan number. Answers nil to anyone but the owner, else {number, batch, ...} per queue.
_TAKE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local number = tonumber(ARGV[5])
local answer = {}
for i = 2, #KEYS, 2 do
  local queue, loan, taken = KEYS[i], KEYS[i + 1], {}
  local room = math.min(tonumber(ARGV[2]) - redis.call('HLEN', loan), tonumber(ARGV[3]))
  local batch = room > 0 and redis.call('LPOP', queue)
  while batch do
    redis.call('HSET', loan, number, batch)
    taken[#taken + 1] = number
    taken[#taken + 1] = batch
    number = number + 1
    room = room - 1
    batch = room > 0 and redis.call('LPOP', queue)
  end
  if #taken > 0 then redis.call('PEXPIRE', loan, ARGV[4]) end
  answer[#answer + 1] = taken
end
return answer
"""

# KEYS: lease, loans. ARGV: owner, then for each loan a count and that many numbers.
_ACKNOWLEDGE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local at = 2
for i = 2, #KEYS do
  local count = tonumber(ARGV[at])
  for j = at + 1, at + count do redis.call('HDEL', KEYS[i], ARGV[j]) end
  at = at + count + 1
end
return 1
"""


class RedisListTransport:
    """One connection pool to the lists; see `base.Transport` for what it promises."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        shard_count: int,
        limits: QueueLimits,
        clock: Clock,
        operation_timeout_seconds: float = 5.0,
    ) -> None:
        self._names = _Names(prefix)
        self._shard_count = shard_count
        self._limits = limits
        self._clock = clock
        self._server = _Server(url, operation_timeout_seconds)
        self._subscriptions: weakref.WeakSet[RedisListSubscription] = weakref.WeakSet()

    async def open(self) -> None:
        """Check that the server is there; lists need no declaration."""
        await self._server.ping()

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Append to all queues in one round trip."""
        batches = list(batches)
        grouped: dict[tuple[QueueName, int], list[bytes]] = {}
        for batch in batches:
            grouped.setdefault((batch.queue, batch.shard), []).append(encode(batch))
        if grouped:
            await self._server.pipeline(self._appending(grouped))
            count_published(batches)

    def _appending(self, grouped: dict[tuple[QueueName, int], list[bytes]]) -> Iterable[tuple[Any, ...]]:
        oldest = oldest_received_ms(self._clock.time_ns(), self._limits)
        bounds = (oldest, self._limits.max_batches, self._limits.ttl_ms)
        for (queue, shard), values in grouped.items():
            key = self._names.queue(queue, shard)
            yield "RPUSH", key, *values
            yield "EVAL", _BOUND, 2, key, self._names.wake(shard), *bounds

    def subscribe(self, shard: int, queues: Sequence[QueueName], *, prefetch: int) -> "RedisListSubscription":
        """A subscription under a lease of its own."""
        subscription = RedisListSubscription(
            self._server,
            self._names,
            shard,
            queues,
            prefetch=prefetch,
            ttl_ms=self._limits.ttl_ms,
            intake=Intake(self._limits, self._clock),
        )
        self._subscriptions.add(subscription)
        return subscription

    async def depths(self) -> Sequence[QueueDepth]:
        """The lengths of all lists, in one round trip."""
        places = [(queue, shard) for shard in range(self._shard_count) for queue in QueueName]
        lengths = await self._server.pipeline(("LLEN", self._names.queue(*place)) for place in places)
        depths = [
            QueueDepth(queue=queue, shard=shard, batches=length)
            for (queue, shard), length in zip(places, lengths, strict=True)
        ]
        note_depths(depths)
        return depths

    async def close(self) -> None:
        """Release the leases of open subscriptions and disconnect."""
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._server.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class RedisListSubscription:
    """One would-be owner of a shard; see `base.ShardSubscription` for what it promises."""

    def __init__(
        self,
        server: "_Server",
        names: "_Names",
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        ttl_ms: int,
        intake: Intake,
    ) -> None:
        self._server = server
        self._shard = shard
        self._queues = tuple(queues)
        self._prefetch = prefetch
        self._ttl_ms = ttl_ms
        self._intake = intake
        self._owner = secrets.token_hex(16)
        self._lease = names.lease(shard)
        self._wake = names.wake(shard)
        self._loans = {queue: names.loan(queue, shard) for queue in self._queues}
        self._keys = [self._lease]
        for queue in self._queues:
            self._keys += [names.queue(queue, shard), self._loans[queue]]
        self._owned = False
        self._term = 0
        self._next_number = 0
        self._renewal: asyncio.Task[None] | None = None

    @property
    def expired_batches(self) -> int:
        """Batches that were too old when they came."""
        return self._intake.expired_batches

    @property
    def lost_batches(self) -> int:
        """Batches that never came."""
        return self._intake.lost_batches

    async def acquire(self) -> None:
        """Ask for the lease until it is ours, then renew it in the background."""
        self._owned = False
        self._stop_renewal()
        while not await self._asked_for_lease():  # noqa: ASYNC110 - the other owner is another process
            await asyncio.sleep(STANDBY_POLL_SECONDS)
        self._owned = True
        self._term += 1
        self._renewal = asyncio.create_task(self._renew_for_ever(), name=f"lease of shard {self._shard}")

    async def _asked_for_lease(self) -> bool:
        return bool(await self._server.script(_ACQUIRE, self._keys, self._owner, LEASE_MS, self._ttl_ms))

    async def receive(self, *, wait_seconds: float) -> Sequence[Delivery]:
        """Take what waits; with nothing there, block on the wake-up list and look again."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            deliveries = await self._take()
            remaining = deadline - asyncio.get_running_loop().time()
            if deliveries or remaining <= 0:
                return deliveries
            await self._server.wait_for_token(self._wake, min(remaining, LONGEST_BLOCK_SECONDS))

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Remove the batches from the loans, as long as the lease holds."""
        loans = [delivery.tag for delivery in deliveries]
        if any(not isinstance(loan, _Loan) or loan.term != self._term for loan in loans):
            raise OwnershipLost(f"a batch of shard {self._shard} was lent under an earlier ownership")
        if loans:
            await self._remove(cast("list[_Loan]", loans))

    async def close(self) -> None:
        """Put back what is on loan and release the lease; a server that is away lets it run out."""
        self._stop_renewal()
        if self._owned:
            self._owned = False
            with contextlib.suppress(TransportUnavailable, TopologyMismatch):
                await self._server.script(_RELEASE, self._keys, self._owner, self._ttl_ms)

    async def _take(self) -> list[Delivery]:
        """What may be handed out of what waits; goes on while all that came was too old."""
        deliveries: list[Delivery] = []
        came = True
        while came and not deliveries:
            answer = await self._as_owner(
                _TAKE, self._keys, self._prefetch, MOST_BATCHES_A_QUEUE, self._ttl_ms, self._next_number
            )
            came = any(answer)
            deliveries = await self._sorted_out(answer)
        return deliveries

    async def _sorted_out(self, answer: Sequence[Sequence[Any]]) -> list[Delivery]:
        deliveries: list[Delivery] = []
        refused: list[_Loan] = []
        for queue, taken in zip(self._queues, answer, strict=True):
            for number, data in zip(taken[::2], taken[1::2], strict=True):
                self._next_number = number + 1
                loan = _Loan(self._term, self._loans[queue], number)
                batch = self._admitted(queue, data)
                if batch is None:
                    refused.append(loan)
                else:
                    deliveries.append(Delivery(batch, loan))
        if refused:
            await self._remove(refused)
        return deliveries

    def _admitted(self, queue: QueueName, data: bytes) -> Batch | None:
        try:
            batch = decode(data)
        except ContentError as error:
            self._intake.refuse(queue, self._shard, error)
            return None
        return batch if self._intake.admit(batch) else None

    async def _remove(self, loans: Iterable["_Loan"]) -> None:
        numbers: dict[str, list[int]] = {}
        for loan in loans:
            numbers.setdefault(loan.key, []).append(loan.number)
        arguments = [argument for of_loan in numbers.values() for argument in (len(of_loan), *of_loan)]
        await self._as_owner(_ACKNOWLEDGE, [self._lease, *numbers], *arguments)

    async def _as_owner(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        """Run a script that answers nothing (0 or nil) to anyone but the owner."""
        if not self._owned:
            raise OwnershipLost(f"shard {self._shard} is not owned here: acquire it first")
        # Until the answer is here ownership is in doubt: a batch on loan whose delivery was cut off
        # comes back only through `acquire`.
        self._owned = False
        answer = await self._server.script_once(script, keys, self._owner, *arguments)
        if answer in (None, 0):
            raise OwnershipLost(f"the lease of shard {self._shard} ran out or went to another owner")
        self._owned = True
        return answer

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LEASE_MS / 1000 / RENEWALS_PER_LEASE)
            with contextlib.suppress(TransportUnavailable):
                if not await self._server.script(_RENEW, [self._lease], self._owner, LEASE_MS):
                    return

    def _stop_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None


class _Loan(NamedTuple):
    """Where a delivered batch waits for its acknowledgement, and in which term of ownership it was lent."""

    term: int
    key: str
    number: int


class _Names:
    """The keys of one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def queue(self, queue: QueueName, shard: int) -> str:
        return f"{self._prefix}:{queue}:{shard}"

    def loan(self, queue: QueueName, shard: int) -> str:
        return f"{self.queue(queue, shard)}:loan"

    def wake(self, shard: int) -> str:
        return f"{self._prefix}:wake:{shard}"

    def lease(self, shard: int) -> str:
        return f"{self._prefix}:owner:{shard}"


def _client(url: str, timeout_seconds: float, *, retries: int) -> Any:
    # Any: the library's types unite the sync and async answers of every command.
    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries),
    )


class _Server:
    """Redis clients with our timeouts and our errors.

    What may run twice is repeated once on a new connection, since the pool notices only by failing that a
    server was restarted. An owner's script is not: repeated, it would put a second lot of batches on loan.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        try:
            self._repeating = _client(url, timeout_seconds, retries=1)
            self._once = _client(url, timeout_seconds, retries=0)
        except ValueError as error:
            raise ConfigurationError(f"MDQ_URL is not a Redis address: {error}") from error

    async def ping(self) -> None:
        async with self._translated_errors():
            await self._repeating.execute_command("PING")

    async def script(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        """Run a script that may run twice."""
        async with self._translated_errors():
            return await self._repeating.execute_command("EVAL", script, len(keys), *keys, *arguments)

    async def script_once(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        """Run a script that must not run twice."""
        async with self._translated_errors():
            return await self._once.execute_command("EVAL", script, len(keys), *keys, *arguments)

    async def pipeline(self, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        async with self._translated_errors():
            pipeline = self._repeating.pipeline(transaction=False)
            for words in commands:
                pipeline.execute_command(*words)
            answers: list[Any] = await pipeline.execute()
            return answers

    async def wait_for_token(self, key: str, seconds: float) -> None:
        """Return when there is a token, or after that time."""
        seconds = min(seconds, self._timeout_seconds / 2)
        async with self._translated_errors():
            await self._once.execute_command("BLPOP", key, f"{max(seconds, 0.001):.3f}")

    async def close(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._repeating.aclose()
            await self._once.aclose()

    @contextlib.asynccontextmanager
    async def _translated_errors(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except (AuthenticationError, NoPermissionError) as error:
            raise ConfigurationError(f"the Redis server of MDQ_URL refuses us: {error}") from error
        except (
            RedisConnectionError, RedisTimeoutError, OutOfMemoryError, ReadOnlyError, OSError, TimeoutError
        ) as error:  # fmt: skip
            TRANSPORT_ERRORS.labels(reason="unavailable").inc()
            raise TransportUnavailable(f"the Redis server of MDQ_URL is not available: {error!r}") from error
        except RedisError as error:
            TRANSPORT_ERRORS.labels(reason="refused").inc()
            msg = f"a key under the prefix MDQ_PREFIX holds something else than a queue; remove it: {error}"
            raise TopologyMismatch(msg) from error
