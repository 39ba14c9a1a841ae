"""What a provider's package gives to the platform: all that is known of one vendor, behind one interface.

A package under `marketdata/providers/` has a module `plugin` with a `PLUGIN`, a `ProviderPlugin`.
Only `marketdata.providers.registry` knows the packages, by name; docs/provider.md says how to add one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeAlias

from marketdata.clock import Clock
from marketdata.feeds import FeedTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.wire_format import WireFormat
from marketdata.reference.newcomers import SymbolSource
from marketdata.reference.sources import ReferenceSource
from marketdata.trading_calendar import TradingCalendar

Settings: TypeAlias = Mapping[str, Any]
"""Settings by name: those whose name begins with the provider's, such as `MASSIVE_FEED`.

`mdp_site.settings` reads and checks some of them; the others are text, as the environment has them.
"""


class ReferenceService(ReferenceSource, SymbolSource, Protocol):
    """All facts of a provider, of the market and of single symbols. Leaving it frees what it holds."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...


class ProviderPlugin(Protocol):
    """One provider. Methods import what they need when they are called, since a vendor's SDK loads slowly."""

    @property
    def name(self) -> str:
        """The name by which the setting `MARKET_DATA_PROVIDER` chooses it."""

    def target(self, settings: Settings) -> FeedTarget:
        """What the settings say to listen to. Nothing is checked."""

    def validate(self, target: FeedTarget) -> None:
        """Check what an operator wants to listen to. Credentials are not looked at.

        Raises:
            ConfigurationError: it is not accepted; the message names the value and what is accepted.
        """

    def create(
        self,
        settings: Settings,
        target: FeedTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The feed, aimed at the target; nothing is connected yet.

        `load_calendar` gives the trading calendar around an instant (epoch nanoseconds); it may take seconds.
        Without it the market is taken to be always open.

        Raises:
            ConfigurationError: a setting is wrong, a credential is missing, or see `validate`.
        """

    @property
    def wire_format(self) -> WireFormat | None:
        """How it writes its events; None if its feed has the format of another provider."""

    def reference_source(
        self, settings: Settings, *, patience_seconds: float | None = None
    ) -> ReferenceService:
        """The provider's facts about the whole market.

        After `patience_seconds` nothing is asked for a second time.

        Raises:
            ConfigurationError: a setting is wrong, or the provider has no such data.
        """

    def emulator(self) -> Emulator | None:
        """What serves its protocol for the simulator and for replays; None if nothing does."""
