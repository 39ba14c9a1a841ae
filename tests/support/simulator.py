"""A simulator on a free port for tests: small, and with enough events that tests need not wait."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Final

from marketdata.providers.emulator import ApiKey, ProtocolSettings
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.emulator.odd_answers import Oddity
from marketdata.providers.massive.emulator.servers import MassiveMarketServer
from marketdata.simulator.service import SimulatorConfig, SimulatorService
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.defects import Defect
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import exchange_holidays, exchange_sessions
from tests.support.deadlines import eventually, scaled

FULL_KEY: Final = "full-plan"
NO_LULD_KEY: Final = "small-plan"
SETTINGS: Final = ProtocolSettings(
    api_keys=(ApiKey(FULL_KEY), ApiKey(NO_LULD_KEY, frozenset({"A", "AM", "T", "Q"}))), max_connections=5
)
RATES: Final = Rates(
    aggregates_per_second=150,
    trades_per_second=300,
    quotes_per_second=500,
    price_bands_per_second=30,
    follows_session=False,
)
FIRST_DATE: Final = dt.date(2026, 8, 3)
LAST_DATE: Final = dt.date(2027, 3, 31)


@cache
def trading_calendar() -> TradingCalendar:
    """The exchange's sessions around November 2026."""
    return TradingCalendar(exchange_sessions(FIRST_DATE, LAST_DATE))


def simulator_config(
    settings: ProtocolSettings = SETTINGS, *, start: str = "2026-11-20T10:59:58"
) -> SimulatorConfig:
    """300 symbols on a free port; `start` is New York time, by default just before the end of a minute."""
    calendar = trading_calendar()
    local = dt.datetime.fromisoformat(start)
    return SimulatorConfig(
        protocol=settings,
        start_ms=calendar.instant_ms(local.date(), local.time()),
        port=0,
        symbol_count=300,
        rates=RATES,
        holidays=exchange_holidays(FIRST_DATE, LAST_DATE),
    )


@contextlib.asynccontextmanager
async def running_simulator(
    settings: ProtocolSettings = SETTINGS, *, start: str = "2026-11-20T10:59:58"
) -> AsyncIterator[SimulatorService]:
    """Run the usual small simulator during the context."""
    async with running(simulator_config(settings, start=start)) as service:
        yield service


@contextlib.asynccontextmanager
async def running(config: SimulatorConfig) -> AsyncIterator[SimulatorService]:
    """Run a simulator during the context. At the end it must stop in time."""
    service = SimulatorService(config, trading_calendar())
    stopping = asyncio.Event()
    serving = asyncio.create_task(service.run(stopping))
    try:
        await eventually(lambda: not service.unready() or serving.done(), 10)
        yield service
    finally:
        stopping.set()
        async with asyncio.timeout(scaled(10)):
            await serving


def faults_of(service: SimulatorService) -> Faults:
    """The switches for what goes wrong at a simulator."""
    return massive_server(service).faults


def sent_defects_of(service: SimulatorService) -> Mapping[Defect | Oddity, int]:
    """How much odd input of each kind its clients were handed."""
    return massive_server(service).sent_defects


def massive_server(service: SimulatorService) -> MassiveMarketServer:
    """The server of a simulator that speaks Massive's protocol."""
    assert isinstance(service.server, MassiveMarketServer)
    return service.server
