"""The list of processes in the cache: newest reports, bounds, and the facts that all must hold."""

import pytest
from redis.asyncio import Redis

from marketdata.errors import StoreUnavailable
from marketdata.store import process_records
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords, StoredOverview
from tests.support.deadlines import eventually

pytestmark = pytest.mark.redis

FACTS = {"number of shards": "2"}


@pytest.fixture
def records(redis: Redis, keys: Keys) -> ProcessRecords:
    return ProcessRecords(redis, keys)


async def read(records: ProcessRecords) -> StoredOverview:
    return await records.overview(["listener", "web"], listener="listener", reference="reference")


async def test_each_process_has_its_newest_report_with_the_time_of_the_server(
    records: ProcessRecords, redis: Redis
) -> None:
    seconds, _ = await redis.time()
    await records.report("a", b"one", FACTS)
    await records.report("b", b"two", FACTS)
    await records.report("a", b"three", FACTS)
    stored = await read(records)
    assert sorted(each.value for each in stored.reports) == [b"three", b"two"]
    assert all(seconds * 1_000 <= each.seen_ms <= stored.now_ms for each in stored.reports)


async def test_what_an_overview_needs_is_read_together(
    records: ProcessRecords, redis: Redis, keys: Keys
) -> None:
    empty = await read(records)
    assert (empty.reports, empty.wanted, empty.listener, empty.reference_parts) == ([], {}, None, None)
    await redis.set(keys.wanted("web"), b"wish")
    await redis.set(keys.service("listener"), b"listens")
    await redis.set(keys.service("reference"), b"loads")
    await redis.set(keys.reference_parts(), b"parts")
    stored = await read(records)
    assert stored.wanted == {"web": b"wish"}
    assert (stored.listener, stored.reference_load, stored.reference_parts) == (
        b"listens",
        b"loads",
        b"parts",
    )


async def test_of_what_was_set_aside_only_the_newest_pieces_are_read(
    records: ProcessRecords, redis: Redis, keys: Keys
) -> None:
    await redis.rpush(keys.unknown(1), *(b"%d" % number for number in range(1_000)))
    await redis.rpush(keys.unknown(2), b"of a shard that this installation does not have")
    stored = await records.overview([], listener="listener", reference="reference", shard_count=2)
    assert stored.set_aside == {1: [b"997", b"998", b"999"]}


async def test_a_process_that_is_silent_for_a_day_leaves_the_list(
    records: ProcessRecords, redis: Redis, keys: Keys
) -> None:
    await records.report("old", b"old", FACTS)
    await redis.zincrby(keys.processes_seen(), -process_records.REPORT_LIFETIME_SECONDS * 1_000 - 1, "old")
    await records.report("new", b"new", FACTS)
    assert [each.value for each in (await read(records)).reports] == [b"new"]


async def test_the_list_is_bounded_and_loses_those_that_were_silent_for_longest(
    records: ProcessRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_records, "MOST_REPORTS", 3)
    for number in range(10):
        await records.report(f"process {number:02}", str(number).encode(), FACTS)
    values = [each.value for each in (await read(records)).reports]
    assert len(values) == 3
    assert b"9" in values


async def test_the_first_process_sets_a_fact_and_the_others_learn_it(records: ProcessRecords) -> None:
    assert await records.report("first", b"", FACTS) == FACTS
    other = {"number of shards": "4", "provider": "massive"}
    assert await records.report("second", b"", other) == {"number of shards": "2", "provider": "massive"}


async def test_a_fact_that_no_process_holds_any_more_may_change(
    records: ProcessRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_records, "FACTS_LIFETIME_SECONDS", 0.2)
    await records.report("first", b"", FACTS)
    other = {"number of shards": "4"}

    async def agreed() -> bool:
        return await records.report("second", b"", other) == other

    await eventually(agreed, 10)


async def test_a_cache_that_is_away_is_told() -> None:
    async with connect("redis://127.0.0.1:1/0", retries=0) as redis:
        records = ProcessRecords(redis, Keys())
        with pytest.raises(StoreUnavailable):
            await records.report("a", b"", FACTS)
        with pytest.raises(StoreUnavailable):
            await read(records)
