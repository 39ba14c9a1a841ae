"""The provider that the settings choose, and its own settings."""

from typing import Any

from django.conf import settings

from marketdata.providers.plugin import ProviderPlugin
from marketdata.providers.registry import provider_plugin


def chosen_provider() -> ProviderPlugin[Any]:
    """The provider that `MARKET_DATA_PROVIDER` names.

    Raises:
        ConfigurationError: no provider has the name, or its package lacks a part; the message says which.
    """
    return provider_plugin(settings.MARKET_DATA_PROVIDER)


def provider_settings() -> Any:
    """The settings that the provider's `read_settings` returned. Only the provider knows their type."""
    return settings.PROVIDER_SETTINGS
