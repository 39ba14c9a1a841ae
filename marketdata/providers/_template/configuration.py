"""Settings of the provider: those that begin with its name, checked before anything is connected."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.feeds import FeedTarget
from marketdata.providers.base import MARKETS
from marketdata.providers.plugin import SettingsReader

PREFIX: Final = "TEMPLATE"
EVERYTHING: Final = "*"


class TemplateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`feed`: an address such as `wss://feed.example/stocks`. A secret would be left out of the `repr`."""

    feed: str = ""


def read_settings(environment: SettingsReader) -> TemplateSettings:
    """The settings in `TEMPLATE_FEED`. Every process reads them, so nothing is loaded or connected for it."""
    return TemplateSettings(feed=environment.text(f"{PREFIX}_FEED"))


def target_of(settings: TemplateSettings) -> FeedTarget:
    """The feed, with all that it has."""
    return FeedTarget(feed=settings.feed, market=MARKETS[0], subscriptions=(EVERYTHING,))


def check_target(target: FeedTarget) -> None:
    """Check what to listen to.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    if urlsplit(target.feed).scheme not in ("ws", "wss"):
        raise ConfigurationError(f"{PREFIX}_FEED is {target.feed!r}; accepted: ws:// or wss:// addresses")
    if target.market not in MARKETS or target.subscriptions != (EVERYTHING,):
        raise ConfigurationError(f"accepted: the market {MARKETS[0]}, and {EVERYTHING} as its subscriptions")
