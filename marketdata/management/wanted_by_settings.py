"""What the listener does until an operator says otherwise."""

from marketdata.listener.wanted import ListenerWanted
from marketdata.providers.chosen import chosen_provider, provider_settings


def wanted_by_settings() -> ListenerWanted:
    """To run, aimed at what the provider's settings say."""
    target = chosen_provider().target(provider_settings())
    return ListenerWanted(
        running=True, feed=target.feed, market=target.market, subscriptions=target.subscriptions
    )
