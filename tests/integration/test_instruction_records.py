"""Instructions and answers in the real cache, also when it loses everything."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from marketdata.errors import StoreUnavailable
from marketdata.runtime.instructions import ActionAnswer, Carrier, Instruction, read_answer
from marketdata.store.connection import connect
from marketdata.store.instruction_records import (
    ANSWERS_TTL_SECONDS,
    INSTRUCTIONS_KEPT,
    INSTRUCTIONS_TTL_SECONDS,
    NOWHERE,
    InstructionRecords,
)
from marketdata.store.keys import Keys
from tests.support.deadlines import eventually
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis
WITHIN_SECONDS = 10.0


@pytest.fixture
def records(redis: Redis, keys: Keys) -> InstructionRecords:
    return InstructionRecords(redis, keys, "web")


async def contents(records: InstructionRecords, position: str) -> list[bytes]:
    return [content for _, _, content in await records.after(position)]


async def test_who_reads_on_from_a_position_gets_each_instruction_once_in_order(
    records: InstructionRecords,
) -> None:
    assert await records.newest_position() == NOWHERE
    for content in (b"1", b"2"):
        await records.give(content)
    (first, age_seconds, content), (second, _, _) = await records.after(NOWHERE)
    assert content == b"1"
    assert 0 <= age_seconds < WITHIN_SECONDS
    assert await contents(records, first) == [b"2"]
    assert await records.newest_position() == second
    assert await contents(records, second) == []


async def test_another_service_and_another_installation_see_none_of_it(
    records: InstructionRecords, redis: Redis, keys: Keys
) -> None:
    await records.give(b"1")
    for other in (
        InstructionRecords(redis, keys, "scanner"),
        InstructionRecords(redis, Keys(f"{keys.prefix}b:"), "web"),
    ):
        assert await other.newest_position() == NOWHERE


@pytest.mark.parametrize("has_read", [False, True], ids=["from nowhere", "from an instruction"])
async def test_after_a_loss_of_everything_what_is_given_then_is_read_from_either_position(
    records: InstructionRecords, redis: Redis, keys: Keys, has_read: bool
) -> None:
    if has_read:
        await records.give(b"before")
    position = await records.newest_position()
    assert (position == NOWHERE) is not has_read
    await redis.delete(keys.instructions("web"))
    assert await contents(records, position) == []
    await eventually(lambda: has_passed(redis, position), WITHIN_SECONDS)
    await records.give(b"after")
    assert await contents(records, position) == [b"after"]


async def has_passed(redis: Redis, position: str) -> bool:
    """Whether the server's clock is past the millisecond of a position."""
    seconds, microseconds = await redis.time()
    return seconds * 1_000 + microseconds // 1_000 > int(position.partition("-")[0])


async def test_a_server_whose_clock_is_behind_takes_over_and_what_it_is_given_is_read(
    records: InstructionRecords,
) -> None:
    position = "99999999999999-3"
    assert await contents(records, position) == []
    await records.give(b"after")
    ((behind, _, content),) = await records.after(position)
    assert content == b"after"
    assert await contents(records, behind) == []


async def test_nothing_is_kept_for_ever(records: InstructionRecords, redis: Redis, keys: Keys) -> None:
    for number in range(INSTRUCTIONS_KEPT + 5):
        await records.give(b"%d" % number)
    kept = await contents(records, NOWHERE)
    assert len(kept) == INSTRUCTIONS_KEPT
    assert kept[0] == b"5"
    assert 0 < await redis.ttl(keys.instructions("web")) <= INSTRUCTIONS_TTL_SECONDS
    await records.answer("7", "web:1", b"done")
    assert 0 < await redis.ttl(keys.answers("7")) <= ANSWERS_TTL_SECONDS


async def test_each_process_has_one_answer(records: InstructionRecords) -> None:
    assert await records.answers("7") == []
    for source, value in (("web:1", b"a"), ("web:2", b"b"), ("web:1", b"c")):
        await records.answer("7", source, value)
    assert sorted(await records.answers("7")) == [b"b", b"c"]
    assert await records.answers("8") == []


class Bell:
    """The handler of a process."""

    def __init__(self) -> None:
        self.rings = 0

    async def ring(self, _arguments: Mapping[str, Any]) -> str:
        self.rings += 1
        return "rang"


@contextlib.asynccontextmanager
async def carrying(url: str, keys: Keys, bell: Bell) -> AsyncIterator[None]:
    async with connect(url) as redis:
        carrier = Carrier(InstructionRecords(redis, keys, "web"), {"ring": bell.ring}, source="web:1")
        await carrier.once()
        running = asyncio.create_task(carrier.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_process_goes_on_after_its_cache_came_back_empty(
    private_store: ValkeyServer, keys: Keys
) -> None:
    bell = Bell()
    async with connect(private_store.url) as redis, carrying(private_store.url, keys, bell):
        records = InstructionRecords(redis, keys, "web")

        async def ring(number: str) -> ActionAnswer:
            await records.give(msgspec.json.encode(Instruction(id=number, action="ring")))
            (answer,) = await eventually(lambda: records.answers(number), WITHIN_SECONDS)
            return read_answer(answer)

        assert await ring("1") == ActionAnswer(source="web:1", text="rang")
        await asyncio.to_thread(private_store.stop)
        with pytest.raises(StoreUnavailable):
            await records.give(b"lost")
        await asyncio.to_thread(private_store.start)
        assert await ring("2") == ActionAnswer(source="web:1", text="rang")
        assert bell.rings == 2
