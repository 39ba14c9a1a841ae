"""The consuming side: one would-be owner of a shard."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from marketdata.errors import ContentError, OwnershipLost
from marketdata.runtime.leadership import Leadership, WhenUnreachable
from marketdata.transport.accounting import Intake
from marketdata.transport.base import Batch, Delivery
from marketdata.transport.envelope import decode
from marketdata.transport.queues import QueueName
from marketdata.transport.redis_lists.keys import Names
from marketdata.transport.redis_lists.lease import ShardLease
from marketdata.transport.redis_lists.scripts import ACKNOWLEDGE, TAKE
from marketdata.transport.redis_lists.server import Server

STANDBY_SECONDS: Final = 0.3
LONGEST_BLOCK_SECONDS: Final = 1.0
MOST_BATCHES_A_QUEUE: Final = 64
"""Handed over in one call: bounds how long a script may hold the server (64 batches of 170 kB: some ms)."""


class RedisListSubscription:
    """One would-be owner of a shard; see `base.ShardSubscription` for what it promises.

    It is in `acquiring` from `acquire` to `close`, so that its transport ends the renewal of a lease that
    nobody else holds any more.
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
        self._loans = {queue: names.loan(queue, shard) for queue in self._queues}
        self._keys = [self._lease]
        for queue in self._queues:
            self._keys += [names.queue(queue, shard), self._loans[queue]]
        self._owned = False
        self._term = 0
        self._next_number = 0
        # Each script that needs ownership checks the lease itself, so a failed renewal does no harm.
        self._leadership = Leadership(
            ShardLease(server, self._keys, self._owner, queue_ttl_ms=ttl_ms),
            role=f"owner of shard {shard}",
            when_unreachable=WhenUnreachable.LEAD_ON,
            standby_seconds=STANDBY_SECONDS,
        )
        self._tenure = contextlib.AsyncExitStack()

    async def acquire(self) -> None:
        """Ask for the lease until it is ours, then renew it in the background."""
        self._acquiring.add(self)
        self._owned = False
        await self._tenure.aclose()
        never = asyncio.Event()
        await self._leadership.acquire(never, wait_for_store=False)
        self._owned = True
        self._term += 1
        await self._tenure.enter_async_context(self._leadership.kept(never))

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
        await self._tenure.aclose()
        if self._owned:
            self._owned = False
            await self._leadership.release()
        self._acquiring.discard(self)

    async def _take(self) -> list[Delivery]:
        """What may be handed out of what waits; goes on while all that came was too old."""
        deliveries: list[Delivery] = []
        came = True
        while came and not deliveries:
            answer = await self._as_owner(
                TAKE, self._keys, self._prefetch, MOST_BATCHES_A_QUEUE, self._ttl_ms, self._next_number
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
        await self._as_owner(ACKNOWLEDGE, [self._lease, *numbers], *arguments)

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


class _Loan(NamedTuple):
    """Where a delivered batch waits for its acknowledgement, and in which term of ownership it was lent."""

    term: int
    key: str
    number: int
