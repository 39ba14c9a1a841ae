"""A preferred worker gets its shard; a substitute works on it only while nobody claims it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from marketdata.errors import StoreUnavailable
from scanners.processor.turn import AnyTurn, PreferredTurn, SubstituteTurn, Turn
from tests.support.deadlines import eventually

WITHIN_SECONDS = 5.0
OFTEN_SECONDS = 0.02
"""Claims are renewed and looked at often, so that nobody waits."""


class SharedClaim:
    """The claim of one shard, as all workers see it; it lapses only when released."""

    ttl_ms = 2_000

    def __init__(self) -> None:
        self.held = False
        self.is_away = False
        self.asked = 0

    async def acquire(self) -> bool:
        return await self.renew()

    async def renew(self) -> bool:
        self._ask()
        self.held = True
        return True

    async def release(self) -> None:
        self._ask()
        self.held = False

    async def is_held(self) -> bool:
        self._ask()
        return self.held

    def _ask(self) -> None:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable("away")


@pytest.fixture
def claim() -> SharedClaim:
    return SharedClaim()


@pytest.fixture
def stopping() -> asyncio.Event:
    return asyncio.Event()


@contextlib.asynccontextmanager
async def running(
    turn: Turn, stopping: asyncio.Event, can_work: Callable[[], bool] = lambda: True
) -> AsyncIterator[None]:
    task = asyncio.create_task(turn.run(stopping, can_work))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, WITHIN_SECONDS)


async def until_allowed(turn: Turn, stopping: asyncio.Event) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        await turn.wait_until_allowed(stopping)
    assert not stopping.is_set()


async def until_asked_again(claim: SharedClaim) -> None:
    asked = claim.asked
    await eventually(lambda: claim.asked > asked, WITHIN_SECONDS)


async def test_without_preferences_everybody_may_ask_at_once(stopping: asyncio.Event) -> None:
    turn = AnyTurn()
    await until_allowed(turn, stopping)
    assert not turn.over.is_set()


async def test_a_preferred_worker_claims_its_shard_until_it_stops(
    claim: SharedClaim, stopping: asyncio.Event
) -> None:
    turn = PreferredTurn(claim, shard=0, renewal_seconds=OFTEN_SECONDS)
    async with running(turn, stopping):
        await until_allowed(turn, stopping)
        await eventually(lambda: claim.held, WITHIN_SECONDS)
    assert not claim.held


async def test_a_preferred_worker_that_cannot_work_gives_its_claim_up(
    claim: SharedClaim, stopping: asyncio.Event
) -> None:
    able = True
    async with running(PreferredTurn(claim, shard=0, renewal_seconds=OFTEN_SECONDS), stopping, lambda: able):
        await eventually(lambda: claim.held, WITHIN_SECONDS)
        able = False
        await eventually(lambda: not claim.held, WITHIN_SECONDS)


async def test_a_substitute_takes_over_when_the_claim_lapses_and_gives_back_when_it_returns(
    claim: SharedClaim, stopping: asyncio.Event
) -> None:
    claim.held = True
    turn = SubstituteTurn(claim, grace_seconds=0.0, poll_seconds=OFTEN_SECONDS)
    async with running(turn, stopping):
        await eventually(turn.over.is_set, WITHIN_SECONDS)
        claim.held = False
        await until_allowed(turn, stopping)
        assert not turn.over.is_set()
        claim.held = True
        await eventually(turn.over.is_set, WITHIN_SECONDS)


async def test_a_substitute_does_not_look_before_the_others_had_time_to_claim(
    claim: SharedClaim, stopping: asyncio.Event
) -> None:
    turn = SubstituteTurn(claim, grace_seconds=60.0, poll_seconds=OFTEN_SECONDS)
    async with running(turn, stopping):
        waiting = asyncio.create_task(turn.wait_until_allowed(stopping))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        assert claim.asked == 0
    await asyncio.wait_for(waiting, WITHIN_SECONDS)


async def test_while_the_cache_is_away_whoever_works_goes_on(
    claim: SharedClaim, stopping: asyncio.Event
) -> None:
    turn = SubstituteTurn(claim, grace_seconds=0.0, poll_seconds=OFTEN_SECONDS)
    async with running(turn, stopping):
        await until_allowed(turn, stopping)
        claim.is_away = claim.held = True
        await until_asked_again(claim)
        assert not turn.over.is_set()
        claim.is_away = False
        await eventually(turn.over.is_set, WITHIN_SECONDS)
