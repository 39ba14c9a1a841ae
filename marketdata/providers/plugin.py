"""The interface of a provider's package to the platform: everything specific to one vendor.

A package under `marketdata/providers/` has a module `plugin` with a `PLUGIN`, a `ProviderPlugin`.
Only `marketdata.providers.registry` has the packages, by name; docs/provider.md explains how to add one.
"""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

from marketdata.clock import Clock
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import Provider
from marketdata.providers.emulator import Emulator
from marketdata.providers.wire_format import WireFormat
from marketdata.reference.newcomers import SymbolSource
from marketdata.reference.sources import ReferenceSource
from marketdata.trading_calendar import TradingCalendar

S = TypeVar("S")
"""A provider's own settings: a type of its package, opaque to other packages."""


class SettingsReader(Protocol):
    """Reads settings from the environment. One that is not set has its default.

    All methods raise:
        ConfigurationError: the value is wrong; the message names the setting and what is accepted.
    """

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks."""

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """A whole number within bounds, both included."""

    def boolean(self, name: str, *, default: bool) -> bool:
        """On or off."""

    def choice(self, name: str, default: str, *, accepted: tuple[str, ...], reason: str = "") -> str:
        """One of the accepted words. `reason` says why there are no others."""

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """A list of words."""

    def url(self, name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
        """A URL with one of the schemes."""

    def secret(self, name: str, default: str = "") -> str:
        """The value, or the content of the file that `name_FILE` names."""


class ReferenceService(ReferenceSource, SymbolSource, Protocol):
    """All reference data of a provider, of the market and of single symbols. Leaving it frees resources."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...


class ProviderPlugin(Protocol[S]):
    """One provider. Methods import what they need when they are called, since a vendor's SDK loads slowly."""

    @property
    def name(self) -> str:
        """The name by which the setting `MARKET_DATA_PROVIDER` chooses it."""

    def read_settings(self, environment: SettingsReader) -> S:
        """Its settings, whose names begin with its name. Every process reads them at its start.

        The `repr` of the result has no secrets. Checks that need the vendor's SDK belong in `validate`.

        Raises:
            ConfigurationError: a value is wrong; the message names its setting and what is accepted.
        """

    def target(self, settings: S) -> ConnectionTarget:
        """The target that the settings name. Nothing is checked."""

    def validate(self, target: ConnectionTarget) -> None:
        """Check the target that an operator wants. Credentials are not checked.

        Raises:
            ConfigurationError: it is not accepted; the message names the value and what is accepted.
        """

    def create(
        self,
        settings: S,
        target: ConnectionTarget,
        *,
        load_calendar: Callable[[int], TradingCalendar] | None = None,
        clock: Clock | None = None,
    ) -> Provider:
        """The feed with this target; nothing is connected yet.

        `load_calendar` gives the trading calendar around an instant (epoch nanoseconds); it may take seconds.
        Without it the market is taken to be always open.

        Raises:
            ConfigurationError: a setting is wrong, a credential is missing, or see `validate`.
        """

    @property
    def wire_format(self) -> WireFormat | None:
        """The format of its events; None if its feed has the format of another provider."""

    def reference_source(self, settings: S, *, patience_seconds: float | None = None) -> ReferenceService:
        """The provider's reference data.

        After `patience_seconds` no request is repeated.

        Raises:
            ConfigurationError: a setting is wrong, or the provider has no such data.
        """

    def emulator(self) -> Emulator | None:
        """The server of its protocol for the simulator and for replays; None if it has none."""
