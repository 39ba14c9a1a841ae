"""Symbols that trade without reference data: found among the shards' rows, looked up, added and announced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from pytest_django.fixtures import Settings

from marketdata.jobs import (
    ReferenceConfiguration,
    Searched,
    SearchOutcome,
    add_newcomers,
    look_up_newcomers,
    refresh,
)
from marketdata.simulator.service import SimulatorService
from marketdata.store.announcements import Announcement, AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from tests.support.builders import block_rows, row_block
from tests.support.massive import rest_settings
from tests.support.simulator import FULL_KEY, faults_of, running_simulator

NEWCOMERS = ("AAPL", "SPY")
STRANGER = "ZZZZZ.Z"
SHARDS = 2


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


@pytest.fixture
def configuration(simulator: SimulatorService, redis_url: str, unique_prefix: str) -> ReferenceConfiguration:
    return ReferenceConfiguration(
        provider="massive",
        provider_settings=rest_settings(f"http://{simulator.address}", FULL_KEY),
        cache_url=redis_url,
        key_prefix=f"{unique_prefix}:",
        shards=SHARDS,
    )


class Cache:
    """What the processors and the job have stored."""

    def __init__(self, configuration: ReferenceConfiguration) -> None:
        self.redis = connect(configuration.cache_url)
        self.keys = Keys(configuration.key_prefix)
        self.reader = SnapshotReader(self.redis, self.keys)
        self.publisher = BlockPublisher(self.redis, self.keys)

    async def trade(self, *symbols: str) -> None:
        """Let the shards have rows of these symbols, in turn."""
        for shard in range(SHARDS):
            block = row_block({symbol: {"close": 1.0} for symbol in symbols[shard::SHARDS]}, names=["close"])
            await self.publisher.publish_tick(shard, ShardTick(whole=block, changed=block))

    async def reference(self) -> dict[str, dict[str, float | None]]:
        block = await self.reader.reference()
        assert block is not None
        return block_rows(block)

    async def forget(self, *symbols: str) -> dict[str, dict[str, float | None]]:
        """Take symbols out of the reference data, as if the load had not known them; the rows taken out."""
        block = await self.reader.reference()
        assert block is not None
        kept = [index for index, symbol in enumerate(block.symbols) if symbol not in symbols]
        smaller = msgspec.structs.replace(
            block,
            symbols=tuple(block.symbols[index] for index in kept),
            columns={name: column[kept] for name, column in block.columns.items()},
        )
        await self.publisher.publish_reference(smaller)
        return {symbol: row for symbol, row in block_rows(block).items() if symbol in symbols}


@pytest.fixture
async def cache(configuration: ReferenceConfiguration) -> AsyncIterator[Cache]:
    stored = Cache(configuration)
    async with contextlib.aclosing(stored.redis):
        yield stored


async def test_a_newcomer_is_added_as_the_bulk_load_would_have_it_and_announced(
    configuration: ReferenceConfiguration, cache: Cache
) -> None:
    await refresh(configuration, only_if_stale=False)
    complete = await cache.reference()
    expected = await cache.forget(*NEWCOMERS)
    await cache.trade(*NEWCOMERS, "QQQ", STRANGER)
    announcements = aiter(AnnouncementReader(configuration.cache_url, [cache.keys.reference()]))
    await anext(announcements)

    searched = await add_newcomers(configuration)

    assert searched == Searched(outcome=SearchOutcome.SEARCHED, added=2, unknown=1)
    async with asyncio.timeout(5):
        announced = await anext(announcements)
    assert isinstance(announced, Announcement)
    assert block_rows(announced.block) == await cache.reference()
    rows = await cache.reference()
    assert set(rows) == set(complete)
    for symbol, row in expected.items():
        # The snapshot's range and splits come with the bulk load only.
        bulk = {name: value for name, value in row.items() if not name.startswith(("snapshot_", "split_"))}
        assert {name: rows[symbol][name] for name in bulk} == pytest.approx(bulk, nan_ok=True)
    tickers = await cache.reader.tickers()
    assert tickers is not None
    assert set(tickers) == set(complete)


async def test_when_nothing_is_missing_the_provider_is_not_asked(
    configuration: ReferenceConfiguration, cache: Cache
) -> None:
    unreachable = msgspec.structs.replace(
        configuration, provider_settings=rest_settings("http://127.0.0.1:9", FULL_KEY)
    )
    assert (await add_newcomers(unreachable)).outcome is SearchOutcome.NO_REFERENCE
    await refresh(configuration, only_if_stale=False)
    assert (await add_newcomers(unreachable)).outcome is SearchOutcome.NONE_MISSING
    await cache.trade(*NEWCOMERS)
    assert (await add_newcomers(unreachable)).outcome is SearchOutcome.NONE_MISSING


async def test_an_unknown_symbol_is_remembered_as_absent_between_runs(
    configuration: ReferenceConfiguration, cache: Cache
) -> None:
    await refresh(configuration, only_if_stale=False)
    await cache.trade(STRANGER)
    await add_newcomers(configuration)

    unreachable = msgspec.structs.replace(
        configuration, provider_settings=rest_settings("http://127.0.0.1:9", FULL_KEY)
    )
    assert await add_newcomers(unreachable) == Searched(outcome=SearchOutcome.SEARCHED, unknown=1)


async def test_a_run_is_bounded_and_the_next_goes_on(
    configuration: ReferenceConfiguration, cache: Cache
) -> None:
    await refresh(configuration, only_if_stale=False)
    await cache.forget(*NEWCOMERS)
    await cache.trade(*NEWCOMERS)
    one_symbol = msgspec.structs.replace(configuration, max_lookups=1)

    first, second = await add_newcomers(one_symbol), await add_newcomers(one_symbol)

    assert (first.added, first.left) == (1, 1)
    assert (second.added, second.left) == (1, 0)


async def test_a_newcomer_that_got_no_row_is_looked_up_before_those_with_fewer_events(
    configuration: ReferenceConfiguration, cache: Cache
) -> None:
    await refresh(configuration, only_if_stale=False)
    await cache.forget("SPY")
    rows = row_block({f"X{number}": {"accumulated_volume": 1e9} for number in range(50)})
    refused = row_block({"X99": {"events": 3.0}, "SPY": {"events": 900.0}})
    await cache.publisher.publish_tick(0, ShardTick(whole=rows, changed=rows, refused=refused))

    searched = await add_newcomers(configuration)

    assert searched.added == 1
    assert searched.left > 0
    assert "SPY" in await cache.reference()


async def test_without_the_entitlement_it_says_so_and_adds_what_there_is(
    configuration: ReferenceConfiguration, cache: Cache, simulator: SimulatorService
) -> None:
    await refresh(configuration, only_if_stale=False)
    await cache.forget("SPY")
    await cache.trade("SPY")
    faults_of(simulator).rest_status, faults_of(simulator).rest_failures = (
        403,
        2,
    )  # the first calls: splits, daily bars

    searched = await add_newcomers(configuration)

    assert (searched.added, searched.not_entitled) == (1, ("day_bars", "splits"))
    row = (await cache.reference())["SPY"]
    assert (row["prev_day_close"], row["nasdaq_listed"] in {0.0, 1.0}) == (None, True)


async def test_while_a_load_runs_or_when_switched_off_nothing_is_looked_up(
    configuration: ReferenceConfiguration, cache: Cache
) -> None:
    await refresh(configuration, only_if_stale=False)
    await cache.forget("SPY")
    await cache.trade("SPY")
    loading = Lease(cache.redis, cache.keys.reference_lease(), "other", 10_000)
    assert await loading.acquire()

    assert (await add_newcomers(configuration)).outcome is SearchOutcome.BUSY
    switched_off = msgspec.structs.replace(configuration, max_lookups=0)
    assert (await add_newcomers(switched_off)).outcome is SearchOutcome.OFF


async def test_the_job_reads_the_settings(
    configuration: ReferenceConfiguration, cache: Cache, settings: Settings
) -> None:
    settings.PROVIDER_SETTINGS = configuration.provider_settings
    settings.MDC_URL, settings.MDC_KEY_PREFIX = configuration.cache_url, configuration.key_prefix
    settings.MDQ_SHARDS, settings.REFERENCE_LOOKUPS_PER_MINUTE = SHARDS, 10
    await refresh(configuration, only_if_stale=False)
    await cache.forget("SPY")
    await cache.trade("SPY")

    assert await asyncio.to_thread(look_up_newcomers) == SearchOutcome.SEARCHED
    assert "SPY" in await cache.reference()
