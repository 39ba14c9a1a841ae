"""The settings of the provider, whose names begin with its name. They are checked before it connects."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import MARKETS
from marketdata.providers.plugin import SettingsReader

PREFIX: Final = "TEMPLATE"
EVERYTHING: Final = "*"


class TemplateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`feed`: an address such as `wss://feed.example/stocks`. A secret must not be in the `repr`."""

    feed: str = ""


def read_settings(environment: SettingsReader) -> TemplateSettings:
    """The setting `TEMPLATE_FEED`. Every process reads it, so nothing is loaded or connected here."""
    return TemplateSettings(feed=environment.text(f"{PREFIX}_FEED"))


def target_of(settings: TemplateSettings) -> ConnectionTarget:
    """The feed with everything it offers."""
    return ConnectionTarget(feed=settings.feed, market=MARKETS[0], subscriptions=(EVERYTHING,))


def check_target(target: ConnectionTarget) -> None:
    """Check a target.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    if urlsplit(target.feed).scheme not in ("ws", "wss"):
        raise ConfigurationError(f"{PREFIX}_FEED is {target.feed!r}; accepted: ws:// or wss:// addresses")
    if target.market not in MARKETS or target.subscriptions != (EVERYTHING,):
        raise ConfigurationError(f"accepted: the market {MARKETS[0]}, and {EVERYTHING} as its subscriptions")
