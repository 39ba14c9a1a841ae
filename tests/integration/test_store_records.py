"""What a service tells of itself in the cache: whose word stands, and for how long."""

import pytest
from redis.asyncio import Redis

from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords


@pytest.fixture
def records(redis: Redis, keys: Keys) -> ServiceRecords:
    return ServiceRecords(redis, keys, "listener")


async def test_who_only_waits_does_not_speak_over_another(records: ServiceRecords) -> None:
    assert await records.replace_actual(None, b"I wait", lifetime_seconds=60)
    assert await records.replace_actual(b"I wait", b"I wait still", lifetime_seconds=60)
    await records.report_actual(b"I lead", lifetime_seconds=60)
    assert not await records.replace_actual(b"I wait still", b"I wait", lifetime_seconds=60)
    assert await records.actual() == b"I lead"


async def test_who_ends_takes_back_its_own_word_only(records: ServiceRecords) -> None:
    await records.report_actual(b"I lead", lifetime_seconds=60)
    await records.withdraw_actual(b"I led before")
    assert await records.actual() == b"I lead"
    await records.withdraw_actual(b"I lead")
    assert await records.actual() is None
