"""From a provider's configuration to the provider."""

from collections.abc import Callable

from marketdata.clock import Clock
from marketdata.providers.base import Provider
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.market_hours import MarketHours
from marketdata.providers.massive.market_status import RestMarketStatus
from marketdata.trading_calendar import TradingCalendar


def create_provider(
    configuration: MassiveConfiguration,
    *,
    load_calendar: Callable[[int], TradingCalendar] | None = None,
    clock: Clock | None = None,
) -> Provider:
    """The provider that the configuration describes; nothing is connected yet.

    `load_calendar` gives the trading calendar around an instant (epoch nanoseconds); it may take seconds.
    Without it the market is taken to be always open.
    """
    market_hours = None
    if load_calendar is not None:
        ask = RestMarketStatus(configuration.rest_url, configuration.api_key, clock=clock)
        market_hours = MarketHours(ask, load_calendar, clock=clock)
    return MassiveProvider(configuration, clock=clock, market_hours=market_hours)
