"""The simulator as a long-running service: a market, its pace, and the protocol of a provider."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.providers.emulator import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    MarketServer,
    ProtocolSettings,
    ServedAt,
)
from marketdata.providers.protocol_service import ProtocolService
from marketdata.providers.registry import DEFAULT_PROVIDER, provider_emulator
from marketdata.runtime.backoff import stopped_within
from marketdata.runtime.cancellation import finished_before
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.steering import Records
from marketdata.simulator.pacing import Pacer
from marketdata.simulator.settings import SIMULATOR, SimulatorSettings
from marketdata.synthetic_market.activity import DEFAULT_PROFILE, PROFILES, Rates
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.scenarios import ORDINARY, Scenario
from marketdata.synthetic_market.universe import build_universe, check_symbol_count
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import Holiday
from marketdata.units import MS_PER_SECOND

DEFAULT_SYMBOLS: Final = 11_000
MIN_SPEED: Final = 1.0
MAX_SPEED: Final = 60.0
_FLUSH_SECONDS: Final = 0.1

log = get_logger(__name__)


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate, and where to serve it.

    `start_ms` is market time (epoch milliseconds) at the start of the process; `speed` is how many market
    seconds pass in a real one, 1 to 60. Port 0 takes a free one. `holidays` are only for REST calls about
    the calendar. `provider` names the provider whose protocol is served. A frame holds at most
    `events_per_frame` events (None: the usual number of the provider).

    Raises:
        ConfigurationError: the speed, the number of symbols or the size of frames is out of range, or the
            provider has no emulator.
    """

    protocol: ProtocolSettings
    start_ms: int
    provider: str = DEFAULT_PROVIDER
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    symbol_count: int = DEFAULT_SYMBOLS
    seed: int = 7
    speed: float = 1.0
    rates: Rates = PROFILES[DEFAULT_PROFILE]
    scenario: Scenario = ORDINARY
    events_per_frame: int | None = None
    holidays: Sequence[Holiday] = ()

    def __post_init__(self) -> None:
        """Refuse values that cannot be simulated."""
        check_symbol_count(self.symbol_count)
        if not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise ConfigurationError(f"speed must be {MIN_SPEED:g} to {MAX_SPEED:g}, got {self.speed:g}")
        most = provider_emulator(self.provider).max_events_per_frame
        if self.events_per_frame is not None and not 1 <= self.events_per_frame <= most:
            raise ConfigurationError(f"events per frame must be 1 to {most}, got {self.events_per_frame}")


class SimulatorService(ProtocolService[SimulatorSettings]):
    """Runs a `Market` in real time and serves it; implements the long-running service interface."""

    name: Final = SIMULATOR

    def __init__(
        self,
        config: SimulatorConfig,
        calendar: TradingCalendar,
        clock: Clock | None = None,
        *,
        live: LiveSettings[SimulatorSettings] | None = None,
        records: Records | None = None,
    ) -> None:
        """Build the market.

        Raises:
            ConfigurationError: the configuration is out of range, or the provider has no emulator.
            CalendarRangeError: the calendar does not hold the start.
        """
        self._config: Final = config
        self._clock: Final = clock or SystemClock()
        own = SimulatorSettings()
        super().__init__(live or LiveSettings(own, source=self.name, clock=self._clock), records)
        self.market: Final = Market(
            build_universe(config.seed, config.symbol_count),
            calendar,
            config.rates,
            seed=config.seed,
            start_ms=config.start_ms,
            speed=config.speed,
            scenario=config.scenario,
        )
        emulator = provider_emulator(config.provider)
        self._server: Final = emulator.market_server(
            self.market,
            config.protocol,
            ServedAt(part=self.name, host=config.host, port=config.port),
            scenario=config.scenario,
            holidays=config.holidays,
            events_per_frame=config.events_per_frame or emulator.usual_events_per_frame,
        )
        self.slipped_seconds = 0.0

    @property
    def server(self) -> MarketServer:
        """What the clients connect to."""
        return self._server

    async def play(self, stopping: asyncio.Event) -> None:
        """Advance the market with the clock. During a pause the market stands still."""
        log.info("simulator serves", address=self.address, symbols=len(self.market.universe))
        pacer = Pacer(self._clock)
        while not stopping.is_set():
            if not self.live.works:
                await finished_before(self.live.until(lambda _: self.live.works), stopping)
                pacer = Pacer(self._clock)
                continue
            self._report_slip(pacer.take_slip())
            if pacer.take_step():
                self.market.rate_factor = self.live.current.rate_factor
                blocks = self.market.step(round(pacer.step_seconds * self._config.speed * MS_PER_SECOND))
                pacer.adapt(sum(map(len, blocks)))
                self._server.declare_clock(self.market.now_ms)
                self._server.publish(blocks)
                # Several due steps follow each other without a pause. Clients must have time to read them.
                await self._server.flush(_FLUSH_SECONDS)
                continue
            await stopped_within(stopping, pacer.seconds_to_next())

    def _report_slip(self, seconds: float) -> None:
        if not seconds:
            return
        if not self.slipped_seconds:
            log.warning(
                "the simulated market cannot keep up with its clock", behind_seconds=round(seconds, 1)
            )
        self.slipped_seconds += seconds
        metrics.SIMULATOR_CLOCK_SLIPPED.inc(seconds)
