"""Recordings as a provider of the platform; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, ContentError
from marketdata.feeds import FeedTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.plugin import ProviderPlugin, ReferenceService, Settings
from marketdata.trading_calendar import TradingCalendar


class ReplayPlugin:
    """See `marketdata.providers.plugin.ProviderPlugin`."""

    name: Final = "replay"
    wire_format: Final = None

    def target(self, settings: Settings) -> FeedTarget:
        """The recordings of `REPLAY_FILES`."""
        from marketdata.providers.replay.configuration import read_target

        return read_target(settings)

    def validate(self, target: FeedTarget) -> None:
        """Check what to replay."""
        from marketdata.providers.replay.configuration import check_target

        check_target(target)

    def create(
        self,
        settings: Settings,
        target: FeedTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The replay, in the format of the recordings. It has no use for a calendar."""
        del load_calendar
        from marketdata.providers.registry import DEFAULT_PROVIDER, wire_format
        from marketdata.providers.replay.configuration import (
            check_target,
            read_configuration,
            recordings_of,
        )
        from marketdata.providers.replay.feed import ReplayProvider
        from marketdata.recording.selection import Selection

        configuration = read_configuration(settings)
        check_target(target)
        with Selection(recordings_of(target)) as selection:
            # Recordings of before do not tell their format: there was one.
            name = selection.readers[0].metadata.format or DEFAULT_PROVIDER
        try:
            recorded_format = wire_format(name)
        except ContentError as error:
            raise ConfigurationError(f"REPLAY_FILES is {target.feed}: {error}") from error
        return ReplayProvider(configuration, target, recorded_format, clock=clock)

    def reference_source(
        self, settings: Settings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """There is none: a recording holds the feed alone."""
        del settings, patience_seconds
        raise ConfigurationError(
            "the provider replay has no reference data; load it before, with MARKET_DATA_PROVIDER=massive"
        )

    def emulator(self) -> Emulator | None:
        """There is none: a recording is served by the emulator of the provider that was recorded."""
        return None


PLUGIN: Final[ProviderPlugin] = ReplayPlugin()
