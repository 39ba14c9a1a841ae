"""The provider that the settings choose, and its own settings."""

import os

from django.conf import settings

from marketdata.providers.plugin import ProviderPlugin, Settings
from marketdata.providers.registry import provider_plugin


def chosen_provider() -> ProviderPlugin:
    """The provider that `MARKET_DATA_PROVIDER` names.

    Raises:
        ConfigurationError: no provider has the name, or its package lacks a part; the message says which.
    """
    return provider_plugin(settings.MARKET_DATA_PROVIDER)


def provider_settings() -> Settings:
    """What is set under names that begin with the provider's: as the settings have it, else as text."""
    prefix = f"{settings.MARKET_DATA_PROVIDER.upper()}_"
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(prefix)},
        **{name: getattr(settings, name) for name in dir(settings) if name.startswith(prefix)},
    }
