"""The entry point of the provider; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
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
        """The format of its events."""
        from marketdata.providers._template.wire_format import FORMAT

        return FORMAT

    def read_settings(self, environment: SettingsReader) -> TemplateSettings:
        """Its settings."""
        return read_settings(environment)

    def target(self, settings: TemplateSettings) -> ConnectionTarget:
        """The target that the settings name."""
        return target_of(settings)

    def validate(self, target: ConnectionTarget) -> None:
        """Check the target that an operator wants."""
        check_target(target)

    def create(
        self,
        settings: TemplateSettings,
        target: ConnectionTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The feed. It needs neither a key nor the market's hours."""
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
