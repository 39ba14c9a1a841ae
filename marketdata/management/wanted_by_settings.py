"""What the listener does until an operator says otherwise."""

from marketdata.chosen_provider import chosen_provider, provider_settings
from marketdata.listener.wanted import ListenerWanted


def wanted_by_settings() -> ListenerWanted:
    """To run, with the target of the provider's settings."""
    target = chosen_provider().target(provider_settings())
    return ListenerWanted(
        running=True, feed=target.feed, market=target.market, subscriptions=target.subscriptions
    )
