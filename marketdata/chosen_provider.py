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
    """The settings whose names begin with the provider's name.

    Values come from Django's settings. Those that Django's settings do not declare are texts of the
    environment.
    """
    prefix = f"{settings.MARKET_DATA_PROVIDER.upper()}_"
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(prefix)},
        **{name: getattr(settings, name) for name in dir(settings) if name.startswith(prefix)},
    }
