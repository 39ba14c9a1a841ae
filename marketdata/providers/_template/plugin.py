"""The entrance of the provider; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.feeds import FeedTarget
from marketdata.providers._template.configuration import (
    TemplateSettings,
    check_target,
    read_settings,
    target_of,
)
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.plugin import ProviderPlugin, ReferenceService, SettingsReader
from marketdata.providers.wire_format import WireFormat
from marketdata.trading_calendar import TradingCalendar


class TemplatePlugin:
    """See `marketdata.providers.plugin.ProviderPlugin`."""

    name: Final = "template"

    @property
    def wire_format(self) -> WireFormat:
        """How it writes its events."""
        from marketdata.providers._template.wire_format import FORMAT

        return FORMAT

    def read_settings(self, environment: SettingsReader) -> TemplateSettings:
        """Its settings."""
        return read_settings(environment)

    def target(self, settings: TemplateSettings) -> FeedTarget:
        """What the settings say to listen to."""
        return target_of(settings)

    def validate(self, target: FeedTarget) -> None:
        """Check what an operator wants to listen to."""
        check_target(target)

    def create(
        self,
        settings: TemplateSettings,
        target: FeedTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The feed. It has neither a key nor a look at the market's hours."""
        del settings, load_calendar
        from marketdata.providers._template.feed import TemplateProvider

        return TemplateProvider(target, clock=clock)

    def reference_source(
        self, settings: TemplateSettings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """There is none: boards that need a previous close stay empty."""
        del settings, patience_seconds
        raise ConfigurationError("the provider template has no reference data")

    def emulator(self) -> Emulator | None:
        """There is none: the simulator and `replay_feed` cannot play this provider."""
        return None


PLUGIN: Final[ProviderPlugin[TemplateSettings]] = TemplatePlugin()
