"""Massive's protocol as servers of the platform; see `marketdata.providers.emulator`."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from aiohttp import WSMsgType, web

from marketdata.providers.emulator import Emulator, ProtocolSettings, ServedAt
from marketdata.providers.massive.emulator.connection import Connection
from marketdata.providers.massive.emulator.fan_out import FanOut, recorded_channels
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.emulator.feed import FeedServer
from marketdata.providers.massive.emulator.injection import DefectInjector
from marketdata.providers.massive.emulator.odd_answers import Oddity, OddSchedule
from marketdata.providers.massive.emulator.odd_responses import OddAnswers
from marketdata.providers.massive.emulator.protocol import KNOWN_CHANNELS
from marketdata.providers.massive.emulator.replay_rest import build_replay_routes
from marketdata.providers.massive.emulator.rest import build_rest_routes
from marketdata.providers.massive.emulator.wire import DEFAULT_EVENTS_PER_FRAME, MAX_EVENTS_PER_FRAME
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.providers.served_port import ServedPort
from marketdata.recording.format import Metadata
from marketdata.synthetic_market.blocks import Block
from marketdata.synthetic_market.defects import Defect, DefectSchedule
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.scenarios import Scenario
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import Holiday


class _Server:
    """A feed and its REST routes at one port."""

    def __init__(self, feed: FeedServer, application: web.Application, at: ServedAt) -> None:
        self._feed: Final = feed
        self._application: Final = application
        self._port: Final = ServedPort(at, feed.close)

    @property
    def address(self) -> str:
        """`host:port` in use. The SDK accepts it as the name of a feed."""
        return self._port.address

    @property
    def faults(self) -> Faults:
        """The faults that tests switch on."""
        return self._feed.faults

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return self._port.unready()

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Bind the port."""
        return self._port.serving(self._application)

    def declare_clock(self, now_ms: int) -> None:
        """Send the feed time to all subscribers."""
        self._feed.declare_clock(now_ms)


class MassiveMarketServer(_Server):
    """See `marketdata.providers.emulator.MarketServer`."""

    def __init__(
        self,
        market: Market,
        settings: ProtocolSettings,
        at: ServedAt,
        *,
        scenario: Scenario,
        holidays: Sequence[Holiday],
        events_per_frame: int,
    ) -> None:
        feed = FeedServer(settings, market.universe.index, events_per_frame)
        application = web.Application()
        super().__init__(feed, application, at)
        self._market: Final = market
        self._injector: Final = DefectInjector(
            DefectSchedule(scenario.defects, seed=market.seed, start_ms=market.start_ms)
        )
        self._odd_answers: Final = OddAnswers(
            OddSchedule(seed=market.seed, start_ms=market.start_ms), lambda: market.now_ms
        )
        application.router.add_get("/stocks", feed.handle)
        build_rest_routes(
            application,
            market,
            settings.keys,
            feed.faults,
            holidays=holidays,
            odd_answers=self._odd_answers if scenario.odd_answers else None,
        )

    @property
    def sent_defects(self) -> Mapping[Defect | Oddity, int]:
        """How much odd input of each kind was sent to clients: pieces of the feed, and REST answers."""
        return dict(itertools.chain(self._feed.sent_defects.items(), self._odd_answers.sent.items()))

    def publish(self, blocks: Sequence[Block]) -> None:
        """Send the events of a step, and the odd input that is due."""
        self._feed.publish(blocks, self._injector.step(blocks, self._market.now_ms))

    async def flush(self, within_seconds: float) -> None:
        """Wait until the clients have received their buffered frames."""
        await self._feed.flush(within_seconds)


class MassiveRecordingServer(_Server):
    """See `marketdata.providers.emulator.RecordingServer`."""

    def __init__(
        self,
        metadata: Metadata,
        calendar: TradingCalendar,
        settings: ProtocolSettings,
        at: ServedAt,
        *,
        symbols: frozenset[str] | None,
        start_ms: int,
        market_time_ms: Callable[[], int],
    ) -> None:
        feed = FeedServer(settings, {})
        application = web.Application()
        super().__init__(feed, application, at)
        self._fan_out: Final = FanOut(FORMAT, recorded_channels(metadata.subscriptions), symbols)
        application.router.add_get(f"/{metadata.market}", feed.handle)
        build_replay_routes(
            application,
            metadata,
            calendar,
            settings.keys,
            feed.faults,
            start_ms=start_ms,
            market_time_ms=market_time_ms,
        )

    def audience(self) -> Sequence[Connection]:
        """The clients that have subscribed to something."""
        return [
            connection
            for connection in self._feed.connections()
            if connection.is_live and len(connection.conversation.subscriptions)
        ]

    def send(self, data: str | bytes) -> None:
        """Send to each client the part of a recorded frame that it subscribed to."""
        outgoing = self._fan_out.outgoing(data)
        message_type = WSMsgType.BINARY if isinstance(data, bytes) else WSMsgType.TEXT
        for connection in self.audience():
            part = outgoing.part_for(connection.conversation.subscriptions)
            if part is not None:
                connection.send(part, message_type)


class MassiveEmulator:
    """See `marketdata.providers.emulator.Emulator`."""

    channels: Final = KNOWN_CHANNELS
    usual_events_per_frame: Final = DEFAULT_EVENTS_PER_FRAME
    max_events_per_frame: Final = MAX_EVENTS_PER_FRAME

    market_server: Final = MassiveMarketServer
    recording_server: Final = MassiveRecordingServer


EMULATOR: Final[Emulator] = MassiveEmulator()
