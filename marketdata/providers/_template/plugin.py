"""The entrance of the provider; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.feeds import FeedTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.plugin import ProviderPlugin, ReferenceService, Settings
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

    def target(self, settings: Settings) -> FeedTarget:
        """What the settings say to listen to."""
        from marketdata.providers._template.configuration import read_target

        return read_target(settings)

    def validate(self, target: FeedTarget) -> None:
        """Check what an operator wants to listen to."""
        from marketdata.providers._template.configuration import check_target

        check_target(target)

    def create(
        self,
        settings: Settings,
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
        self, settings: Settings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """There is none: boards that need a previous close stay empty."""
        del settings, patience_seconds
        raise ConfigurationError("the provider template has no reference data")

    def emulator(self) -> Emulator | None:
        """There is none: the simulator and `replay_feed` cannot play this provider."""
        return None


PLUGIN: Final[ProviderPlugin] = TemplatePlugin()
