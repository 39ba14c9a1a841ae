"""The wanted state of the listener until an operator changes it."""

from django.conf import settings

from marketdata.chosen_provider import chosen_provider, provider_settings
from marketdata.listener.wanted import ListenerWanted
from marketdata.runtime.settings import own_settings


def wanted_by_settings() -> ListenerWanted:
    """Run, with the target in the provider's settings."""
    target = chosen_provider().target(provider_settings())
    return own_settings(
        ListenerWanted,
        settings.DECLARED_SETTINGS,
        running=True,
        feed=target.feed,
        market=target.market,
        subscriptions=target.subscriptions,
    )
