"""Recordings as a provider of the platform; see `marketdata.providers.plugin`."""

from collections.abc import Callable
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.plugin import ProviderPlugin, ReferenceService, SettingsReader
from marketdata.providers.replay.configuration import (
    ReplaySettings,
    check_target,
    read_settings,
    recordings_of,
    target_of,
)
from marketdata.trading_calendar import TradingCalendar


class ReplayPlugin:
    """See `marketdata.providers.plugin.ProviderPlugin`."""

    name: Final = "replay"
    wire_format: Final = None

    def read_settings(self, environment: SettingsReader) -> ReplaySettings:
        """The `REPLAY_*` settings."""
        return read_settings(environment)

    def target(self, settings: ReplaySettings) -> ConnectionTarget:
        """The recordings of `REPLAY_FILES`."""
        return target_of(settings)

    def validate(self, target: ConnectionTarget) -> None:
        """Check the target of a replay."""
        check_target(target)

    def create(
        self,
        settings: ReplaySettings,
        target: ConnectionTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The replay, in the format of the recordings. It does not use a calendar."""
        del load_calendar
        from marketdata.providers.registry import recorded_format
        from marketdata.providers.replay.feed import ReplayProvider
        from marketdata.recording.selection import Selection

        check_target(target)
        with Selection(recordings_of(target), recorded_format) as selection:
            wire_format = recorded_format(selection.readers[0].metadata.format)
        return ReplayProvider(settings, target, wire_format, clock=clock)

    def reference_source(
        self, settings: ReplaySettings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """There is none: a recording has only the provider's feed."""
        del settings, patience_seconds
        raise ConfigurationError(
            "the provider replay has no reference data; load it before, with MARKET_DATA_PROVIDER set to the "
            "provider that was recorded"
        )

    def emulator(self) -> Emulator | None:
        """There is none: a recording is served by the emulator of the provider that was recorded."""
        return None


PLUGIN: Final[ProviderPlugin[ReplaySettings]] = ReplayPlugin()
