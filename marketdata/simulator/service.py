"""The simulator as a long-running service: one port for WebSocket and REST, one loop for the market."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.runtime.backoff import stopped_within
from marketdata.simulator.activity import DEFAULT_PROFILE, PROFILES, Rates
from marketdata.simulator.defects import Defect
from marketdata.simulator.faults import Faults
from marketdata.simulator.feed import FeedServer
from marketdata.simulator.injection import DefectInjector, DefectSchedule
from marketdata.simulator.market import Market
from marketdata.simulator.odd_answers import Oddity, OddSchedule
from marketdata.simulator.odd_responses import OddAnswers
from marketdata.simulator.pacing import Pacer
from marketdata.simulator.protocol import ProtocolSettings
from marketdata.simulator.rest import build_rest_routes
from marketdata.simulator.scenarios import ORDINARY, Scenario
from marketdata.simulator.server import DEFAULT_HOST, DEFAULT_PORT, ProviderServer
from marketdata.simulator.universe import build_universe, check_symbol_count
from marketdata.simulator.wire import DEFAULT_EVENTS_PER_FRAME, MAX_EVENTS_PER_FRAME
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import Holiday

DEFAULT_SYMBOLS: Final = 11_000
MIN_SPEED: Final = 1.0
MAX_SPEED: Final = 60.0
_STEP_SECONDS: Final = 0.1
_MS_PER_SECOND: Final = 1_000

log = get_logger(__name__)


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate, and where to serve it.

    `start_ms` is market time (epoch milliseconds) at the start of the process; `speed` is how many market
    seconds pass in a real one, 1 to 60. Port 0 takes a free one. `holidays` feed the REST calendar only.
    A frame holds at most `events_per_frame` events.

    Raises:
        ConfigurationError: the speed, the number of symbols or the size of frames is out of range.
    """

    protocol: ProtocolSettings
    start_ms: int
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    symbol_count: int = DEFAULT_SYMBOLS
    seed: int = 7
    speed: float = 1.0
    rates: Rates = PROFILES[DEFAULT_PROFILE]
    scenario: Scenario = ORDINARY
    events_per_frame: int = DEFAULT_EVENTS_PER_FRAME
    holidays: Sequence[Holiday] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be simulated."""
        check_symbol_count(self.symbol_count)
        if not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise ConfigurationError(f"speed must be {MIN_SPEED:g} to {MAX_SPEED:g}, got {self.speed:g}")
        if not 1 <= self.events_per_frame <= MAX_EVENTS_PER_FRAME:
            raise ConfigurationError(
                f"events per frame must be 1 to {MAX_EVENTS_PER_FRAME}, got {self.events_per_frame}"
            )


class SimulatorService:
    """Runs a `Market` in real time and serves it; implements the long-running service interface.

    Side effects: binds a TCP port while it runs.
    """

    name: Final = "simulator"

    def __init__(
        self, config: SimulatorConfig, calendar: TradingCalendar, clock: Clock | None = None
    ) -> None:
        """Build the market.

        Raises:
            ConfigurationError: the configuration is out of range.
            CalendarRangeError: the calendar does not hold the start.
        """
        self._config: Final = config
        self._clock: Final = clock or SystemClock()
        self.market: Final = Market(
            build_universe(config.seed, config.symbol_count),
            calendar,
            config.rates,
            seed=config.seed,
            start_ms=config.start_ms,
            speed=config.speed,
            scenario=config.scenario,
        )
        self._feed: Final = FeedServer(config.protocol, self.market.universe.index, config.events_per_frame)
        self._server: Final = ProviderServer(self.name, config.host, config.port, self._feed)
        self._injector: Final = DefectInjector(
            DefectSchedule(config.scenario.defects, seed=config.seed, start_ms=self.market.start_ms)
        )
        self._odd_answers: Final = OddAnswers(
            OddSchedule(seed=config.seed, start_ms=self.market.start_ms), lambda: self.market.now_ms
        )
        self.slipped_seconds = 0.0

    @property
    def faults(self) -> Faults:
        """The switches for what goes wrong."""
        return self._feed.faults

    @property
    def sent_defects(self) -> Mapping[Defect | Oddity, int]:
        """How much odd input of each kind clients were handed: pieces of the feed, and REST answers."""
        return dict(itertools.chain(self._feed.sent_defects.items(), self._odd_answers.sent.items()))

    @property
    def address(self) -> str:
        """`host:port` in use; what the SDK takes as its feed."""
        return self._server.address

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return self._server.unready()

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until told to stop.

        Raises:
            OSError: the address cannot be bound.
        """
        async with self._server.serving(self._application()):
            log.info("simulator serves", address=self.address, symbols=len(self.market.universe))
            await self._run_market(stopping)

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/stocks", self._feed.handle)
        build_rest_routes(
            app,
            self.market,
            self._config.protocol.keys,
            self.faults,
            holidays=self._config.holidays,
            odd_answers=self._odd_answers if self._config.scenario.odd_answers else None,
        )
        return app

    async def _run_market(self, stopping: asyncio.Event) -> None:
        pacer = Pacer(self._clock, _STEP_SECONDS)
        step_ms = round(_STEP_SECONDS * self._config.speed * _MS_PER_SECOND)
        while not stopping.is_set():
            self._report_slip(pacer.take_slip())
            if pacer.take_step():
                blocks = self.market.step(step_ms)
                self._feed.declare_clock(self.market.now_ms)
                self._feed.publish(blocks, self._injector.step(blocks, self.market.now_ms))
                # Steps that are made up for in a row must not outrun a client that reads as fast as it can.
                await self._feed.flush(_STEP_SECONDS)
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
