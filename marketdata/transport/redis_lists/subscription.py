"""Consumes the queues of one shard while this process owns it."""

import asyncio
import contextlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from marketdata.errors import ContentError, OwnershipLost
from marketdata.runtime.leadership import Leadership, WhenUnreachable
from marketdata.transport.accounting import Intake
from marketdata.transport.base import Batch, Delivery, Taken
from marketdata.transport.queues import QueueName
from marketdata.transport.redis_lists.envelope import decode
from marketdata.transport.redis_lists.keys import Names
from marketdata.transport.redis_lists.lease import ShardLease
from marketdata.transport.redis_lists.scripts import ACKNOWLEDGE, TAKE
from marketdata.transport.redis_lists.server import Server

STANDBY_SECONDS: Final = 0.3
LONGEST_BLOCK_SECONDS: Final = 1.0
MAX_BATCHES_PER_QUEUE: Final = 64
"""Per call; bounds how long a script occupies the server (64 batches of 170 kB: some ms)."""


class RedisListSubscription:
    """Implements `base.ShardSubscription` with a lease in Redis as the lock of the shard.

    It is a member of `acquiring` from `acquire` to `close`, so that the transport can close it, which ends
    the renewal of the lease.
    """

    def __init__(
        self,
        server: Server,
        names: Names,
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        ttl_ms: int,
        intake: Intake,
        acquiring: "set[RedisListSubscription]",
    ) -> None:
        self._server = server
        self._shard = shard
        self._queues = tuple(queues)
        self._prefetch = prefetch
        self._ttl_ms = ttl_ms
        self._intake = intake
        self._acquiring = acquiring
        self._owner = secrets.token_hex(16)
        self._lease = names.lease(shard)
        self._wake = names.wake(shard)
        self._unacknowledged_keys = {queue: names.unacknowledged(queue, shard) for queue in self._queues}
        self._keys = [self._lease]
        for queue in self._queues:
            self._keys += [names.queue(queue, shard), self._unacknowledged_keys[queue]]
        self._owned = False
        self._term = 0
        self._next_number = 0
        self._kept: list[Delivery] = []  # taken by a purge that they outlived
        # Each script of an owner checks the lease itself, so it is safe to go on after a failed renewal.
        self._leadership = Leadership(
            ShardLease(server, self._keys, self._owner, queue_ttl_ms=ttl_ms),
            role=f"owner of shard {shard}",
            when_unreachable=WhenUnreachable.LEAD_ON,
            standby_seconds=STANDBY_SECONDS,
        )
        self._tenure = contextlib.AsyncExitStack()

    @property
    def taken(self) -> Mapping[QueueName, Taken]:
        """What it took from each queue."""
        return self._intake.taken

    async def acquire(self) -> None:
        """Ask for the lease until it is ours, then renew it in the background."""
        self._acquiring.add(self)
        self._owned = False
        self._kept = []
        await self._tenure.aclose()
        never = asyncio.Event()
        await self._leadership.acquire(never, wait_for_store=False)
        self._owned = True
        self._term += 1
        await self._tenure.enter_async_context(self._leadership.renewing(never))

    async def receive(self, *, wait_seconds: float) -> Sequence[Delivery]:
        """Take the waiting batches. If there are none, block on the wake-up list and try again."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            deliveries = await self._take()
            remaining = deadline - asyncio.get_running_loop().time()
            if deliveries or remaining <= 0:
                return deliveries
            await self._server.wait_for_token(self._wake, min(remaining, LONGEST_BLOCK_SECONDS))

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Delete the batches, provided that the lease is still ours."""
        tags = [delivery.tag for delivery in deliveries]
        if any(not isinstance(tag, _Tag) or tag.term != self._term for tag in tags):
            raise OwnershipLost(f"a batch of shard {self._shard} was delivered under an earlier ownership")
        if tags:
            await self._remove(cast("list[_Tag]", tags))

    async def purge(self, queues: Collection[QueueName]) -> int:
        """Take what waits, until a call takes only what is delivered, or nothing."""
        self._intake.purge(queues)
        before = self._intake.purged
        is_done = False
        while not is_done:
            refused = self._intake.refused
            _, kept = await self._take_once()
            self._kept += kept
            is_done = self._intake.refused == refused
        return self._intake.purged - before

    async def close(self) -> None:
        """Put back the unacknowledged batches and release the lease; while the server is away, it expires."""
        await self._tenure.aclose()
        if self._owned:
            self._owned = False
            await self._leadership.release()
        self._acquiring.discard(self)

    async def _take(self) -> list[Delivery]:
        """Take waiting batches; repeats while all that it takes are expired, purged or malformed."""
        deliveries: list[Delivery] = []
        any_taken = True
        while any_taken and not deliveries:
            any_taken, deliveries = await self._take_once()
        kept, self._kept = self._kept, []
        return kept + deliveries

    async def _take_once(self) -> tuple[bool, list[Delivery]]:
        """Whether any batch waited, and those of them that are delivered."""
        answer = await self._as_owner(
            TAKE, self._keys, self._prefetch, MAX_BATCHES_PER_QUEUE, self._ttl_ms, self._next_number
        )
        return any(answer), await self._deliveries_in(answer)

    async def _deliveries_in(self, answer: Sequence[Sequence[Any]]) -> list[Delivery]:
        deliveries: list[Delivery] = []
        refused: list[_Tag] = []
        for queue, taken in zip(self._queues, answer, strict=True):
            for number, data in zip(taken[::2], taken[1::2], strict=True):
                self._next_number = number + 1
                tag = _Tag(self._term, self._unacknowledged_keys[queue], number)
                batch = self._admit(queue, data)
                if batch is None:
                    refused.append(tag)
                else:
                    deliveries.append(Delivery(batch, tag))
        if refused:
            await self._remove(refused)
        return deliveries

    def _admit(self, queue: QueueName, data: bytes) -> Batch | None:
        try:
            batch = decode(data)
        except ContentError as error:
            self._intake.refuse(queue, self._shard, error)
            return None
        return batch if self._intake.admit(batch) else None

    async def _remove(self, tags: Iterable["_Tag"]) -> None:
        numbers: dict[str, list[int]] = {}
        for tag in tags:
            numbers.setdefault(tag.key, []).append(tag.number)
        arguments = [argument for of_key in numbers.values() for argument in (len(of_key), *of_key)]
        await self._as_owner(ACKNOWLEDGE, [self._lease, *numbers], *arguments)

    async def _as_owner(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        """Run a script that returns 0 or nil unless the caller owns the shard."""
        if not self._owned:
            raise OwnershipLost(f"shard {self._shard} is not owned here: acquire it first")
        # Ownership is in doubt until the answer arrives: if the call is cut off, the script may have taken
        # batches that only `acquire` puts back.
        self._owned = False
        answer = await self._server.script_once(script, keys, self._owner, *arguments)
        if answer in (None, 0):
            raise OwnershipLost(f"the lease of shard {self._shard} ran out or went to another owner")
        self._owned = True
        return answer


class _Tag(NamedTuple):
    """Identifies a delivery: the term of ownership, the key of unacknowledged batches, its number there."""

    term: int
    key: str
    number: int
