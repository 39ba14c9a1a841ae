"""Massive as a provider of the platform; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.massive.settings import MassiveSettings, read_settings
from marketdata.providers.plugin import ProviderPlugin, ReferenceService, SettingsReader
from marketdata.providers.wire_format import WireFormat
from marketdata.trading_calendar import TradingCalendar


class MassivePlugin:
    """See `marketdata.providers.plugin.ProviderPlugin`."""

    name: Final = "massive"

    def read_settings(self, environment: SettingsReader) -> MassiveSettings:
        """The `MASSIVE_*` settings."""
        return read_settings(environment)

    def target(self, settings: MassiveSettings) -> ConnectionTarget:
        """The target in `MASSIVE_FEED`, `MASSIVE_MARKET` and `MASSIVE_SUBSCRIPTIONS`."""
        return ConnectionTarget(
            feed=settings.feed, market=settings.market, subscriptions=settings.subscriptions
        )

    def validate(self, target: ConnectionTarget) -> None:
        """Check feed, market and subscriptions."""
        from marketdata.providers.massive.configuration import check_target

        check_target(target)

    def create(
        self,
        settings: MassiveSettings,
        target: ConnectionTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The WebSocket feed; the market's hours come from REST."""
        from marketdata.providers.massive.client import MassiveProvider
        from marketdata.providers.massive.configuration import configuration_of
        from marketdata.providers.massive.market_hours import MarketHours
        from marketdata.providers.massive.rest.market_status import RestMarketStatus

        configuration = configuration_of(settings, target)
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
        self, settings: MassiveSettings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """The REST service at `MASSIVE_REST_URL`."""
        from marketdata.providers.massive.rest.source import RestSource

        return RestSource(settings.rest_url, settings.api_key, patience_seconds=patience_seconds)

    def emulator(self) -> Emulator:
        """Its WebSocket and REST protocol."""
        from marketdata.providers.massive.emulator.servers import EMULATOR

        return EMULATOR


PLUGIN: Final[ProviderPlugin[MassiveSettings]] = MassivePlugin()
