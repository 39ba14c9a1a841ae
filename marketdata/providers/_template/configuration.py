"""Settings of the provider: those that begin with its name, checked before anything is connected."""

from typing import Final
from urllib.parse import urlsplit

from marketdata.errors import ConfigurationError
from marketdata.feeds import FeedTarget
from marketdata.providers.base import MARKETS
from marketdata.providers.plugin import Settings

PREFIX: Final = "TEMPLATE"
EVERYTHING: Final = "*"


def read_target(settings: Settings) -> FeedTarget:
    """The feed of `TEMPLATE_FEED`, an address such as `wss://feed.example/stocks`, with all that it has."""
    feed = str(settings.get(f"{PREFIX}_FEED", ""))
    return FeedTarget(feed=feed, market=MARKETS[0], subscriptions=(EVERYTHING,))


def check_target(target: FeedTarget) -> None:
    """Check what to listen to.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    if urlsplit(target.feed).scheme not in ("ws", "wss"):
        raise ConfigurationError(f"{PREFIX}_FEED is {target.feed!r}; accepted: ws:// or wss:// addresses")
    if target.market not in MARKETS or target.subscriptions != (EVERYTHING,):
        raise ConfigurationError(f"accepted: the market {MARKETS[0]}, and {EVERYTHING} as its subscriptions")
