"""What the listener does until an operator says otherwise."""

from marketdata.chosen_provider import chosen_provider, provider_settings
from marketdata.listener.wanted import ListenerWanted


def wanted_by_settings() -> ListenerWanted:
    """To run, aimed at what the provider's settings say."""
    target = chosen_provider().target(provider_settings())
    return ListenerWanted(
        running=True, feed=target.feed, market=target.market, subscriptions=target.subscriptions
    )
