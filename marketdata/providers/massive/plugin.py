"""Massive as a provider of the platform; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.feeds import FeedTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.plugin import ProviderPlugin, ReferenceService, Settings
from marketdata.providers.wire_format import WireFormat
from marketdata.trading_calendar import TradingCalendar


class MassivePlugin:
    """See `marketdata.providers.plugin.ProviderPlugin`."""

    name: Final = "massive"

    def target(self, settings: Settings) -> FeedTarget:
        """What `MASSIVE_FEED`, `MASSIVE_MARKET` and `MASSIVE_SUBSCRIPTIONS` say."""
        return FeedTarget(
            feed=settings["MASSIVE_FEED"],
            market=settings["MASSIVE_MARKET"],
            subscriptions=tuple(settings["MASSIVE_SUBSCRIPTIONS"]),
        )

    def validate(self, target: FeedTarget) -> None:
        """Check feed, market and subscriptions."""
        from marketdata.providers.massive.configuration import check_target

        check_target(target)

    def create(
        self,
        settings: Settings,
        target: FeedTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The WebSocket feed; the market's hours are asked for by REST."""
        from marketdata.providers.massive.client import MassiveProvider
        from marketdata.providers.massive.configuration import MassiveConfiguration
        from marketdata.providers.massive.market_hours import MarketHours
        from marketdata.providers.massive.rest.market_status import RestMarketStatus

        configuration = MassiveConfiguration(
            api_key=settings["MASSIVE_API_KEY"],
            feed=target.feed,
            market=target.market,
            subscriptions=target.subscriptions,
            rest_url=settings["MASSIVE_REST_URL"],
            secure=settings["MASSIVE_SECURE"],
            max_reconnects=settings["MASSIVE_MAX_RECONNECTS"],
        )
        market_hours = None
        if load_calendar is not None:
            ask = RestMarketStatus(configuration.rest_url, configuration.api_key, clock=clock)
            market_hours = MarketHours(ask, load_calendar, clock=clock)
        return MassiveProvider(configuration, clock=clock, market_hours=market_hours)

    @property
    def wire_format(self) -> WireFormat:
        """Massive's JSON."""
        from marketdata.providers.massive.wire_format import FORMAT

        return FORMAT

    def reference_source(
        self, settings: Settings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """The REST service at `MASSIVE_REST_URL`."""
        from marketdata.providers.massive.rest.source import RestSource

        return RestSource(
            settings["MASSIVE_REST_URL"], settings["MASSIVE_API_KEY"], patience_seconds=patience_seconds
        )

    def emulator(self) -> Emulator:
        """Its WebSocket and REST protocol."""
        from marketdata.providers.massive.emulator.servers import EMULATOR

        return EMULATOR


PLUGIN: Final[ProviderPlugin] = MassivePlugin()
