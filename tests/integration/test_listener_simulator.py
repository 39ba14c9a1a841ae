"""Listener and reference loader against the simulator: the same code as on the live service."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import numpy as np

from marketdata.listener import Listener
from marketdata.providers.emulator import ApiKey, ProtocolSettings
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.rest.source import RestSource
from marketdata.reference.loader import REQUEST_BUDGET, ReferenceLoader
from marketdata.simulator.service import SimulatorConfig, SimulatorService
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import exchange_sessions
from marketdata.transport.queues import QueueName
from tests.support.deadlines import eventually, scaled
from tests.support.memory_transport import MemoryBroker, MemoryTransport

CALENDAR = TradingCalendar(exchange_sessions(dt.date(2026, 3, 1), dt.date(2026, 12, 31)))
OPENING = CALENDAR.instant_ms(dt.date(2026, 6, 10), dt.time(9, 31))
SYMBOLS = 300
SHARDS = 2


@contextlib.asynccontextmanager
async def simulator() -> AsyncIterator[SimulatorService]:
    config = SimulatorConfig(
        protocol=ProtocolSettings(api_keys=(ApiKey("key"),)),
        start_ms=OPENING,
        port=0,
        symbol_count=SYMBOLS,
    )
    service = SimulatorService(config, CALENDAR)
    stopping = asyncio.Event()
    task = asyncio.create_task(service.run(stopping))
    try:
        await eventually(lambda: not service.unready(), 10)
        yield service
    finally:
        stopping.set()
        await asyncio.wait_for(task, scaled(15))


async def test_the_simulated_market_flows_into_every_event_queue_and_nothing_is_unknown() -> None:
    broker = MemoryBroker()
    async with simulator() as market:
        provider = MassiveProvider(MassiveConfiguration(api_key="key", feed=market.address, secure=False))
        listener = Listener(
            provider, MemoryTransport(broker, shard_count=SHARDS), shard_count=SHARDS, source="listener"
        )
        stopping = asyncio.Event()
        task = asyncio.create_task(listener.run(stopping))
        wanted = {QueueName.AGGREGATE, QueueName.TRADES, QueueName.QUOTES}
        await eventually(lambda: wanted <= {queue for queue, _ in broker.waiting}, 20)
        stopping.set()
        await asyncio.wait_for(task, scaled(15))

    assert {shard for _, shard in broker.waiting} == set(range(SHARDS))
    assert QueueName.UNKNOWN not in {queue for queue, _ in broker.waiting}


async def test_reference_data_of_the_simulated_market_is_whole_and_of_its_own_day() -> None:
    async with simulator() as market, RestSource(f"http://{market.address}", "key") as source:
        loaded = await ReferenceLoader(source, lambda _ns: CALENDAR).load()

    assert loaded.date == dt.date(2026, 6, 10)
    assert loaded.requests <= REQUEST_BUDGET
    assert not loaded.not_entitled
    block = loaded.block
    assert len(block) >= SYMBOLS * 0.9
    for column in ("prev_day_close", "prev_day_volume", "avg_volume"):
        assert np.isfinite(block.columns[column]).mean() > 0.9, column
    assert np.nanmin(block.columns["prev_day_low"]) > 0
    assert np.isfinite(block.columns["free_float"]).any()
    assert loaded.tickers is not None
    assert len(loaded.tickers) == len(block)
    assert loaded.volume_curve is not None
    assert np.nansum(block.columns["split_ratio"]) == 4.1
