"""From a provider's configuration to the provider."""

from marketdata.clock import Clock
from marketdata.providers.base import Provider
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration

PROVIDERS = {MassiveConfiguration: MassiveProvider}


def create_provider(configuration: MassiveConfiguration, *, clock: Clock | None = None) -> Provider:
    """The provider that the type of the configuration names; nothing is connected yet."""
    return PROVIDERS[type(configuration)](configuration, clock=clock)
