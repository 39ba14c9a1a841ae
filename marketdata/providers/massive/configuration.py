"""The settings of a connection, checked before anything is connected."""

from typing import Final

import msgspec
from massive.websocket.models import Feed

from marketdata.errors import ConfigurationError
from marketdata.events import is_symbol
from marketdata.feeds import FeedTarget
from marketdata.providers.base import MARKETS, ONLY_STOCKS
from marketdata.providers.massive.settings import MassiveSettings

# The delayed plans' feeds, by their names in the SDK, and by how much they are late.
DELAYED: Final = "Delayed"
DELAY_MS: Final = 15 * 60_000
# How exactly they keep to that is not published, so it bounds no stamp to the second.
DELAY_ROOM_MS: Final = 60_000
_VENDOR_HOSTS: Final = frozenset(str(feed.value) for feed in Feed)
BUSY_SUBSCRIPTIONS: Final = frozenset({"A.*", "T.*", "Q.*"})
EVERY_SYMBOL: Final = "*"

CHANNELS: Final = ("A", "AM", "T", "Q", "LULD", "NOI", "FMV", "LV")
"""The channels of the stock market, as the provider documents them; what has no queue goes to `unknown`."""


class MassiveConfiguration(MassiveSettings, frozen=True, kw_only=True):
    """Settings that a connection can be made with, and how patient it is.

    `answer_timeout_seconds`: from dialling to the first answer to the subscriptions.
    `silence_timeout_seconds`: in the regular session, a connection on which a whole busy channel was asked
    for and no frame comes for so long is given up; None never gives one up.
    `quiet_silence_timeout_seconds`: the same outside the regular session, and for single symbols. Longer
    than 15 minutes, as the delayed feeds are silent for so long at the beginning of a day.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """

    answer_timeout_seconds: float = 15.0
    silence_timeout_seconds: float | None = 30.0
    quiet_silence_timeout_seconds: float = 1_200.0

    def __post_init__(self) -> None:
        check_target(FeedTarget(feed=self.feed, market=self.market, subscriptions=self.subscriptions))
        if _is_vendor_feed(self.feed) and not self.api_key:
            raise ConfigurationError(f"MASSIVE_API_KEY is empty, and the feed {self.feed} needs a key")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted: always towards the vendor, who is sent the key."""
        return self.secure or _is_vendor_feed(self.feed)

    @property
    def is_busy(self) -> bool:
        """Whether in the regular session some event is due every few seconds."""
        return not BUSY_SUBSCRIPTIONS.isdisjoint(self.subscriptions)

    @property
    def is_vendor_feed(self) -> bool:
        """Whether the feed is one of the vendor's own (these are live), not at an address of our choice."""
        return _is_vendor_feed(self.feed)

    @property
    def delay_ms(self) -> int:
        """By how much the feed is late by its plan: 15 minutes for the delayed ones."""
        delayed = {feed.value for name, feed in Feed.__members__.items() if name.startswith(DELAYED)}
        return DELAY_MS if self.host.partition(":")[0] in delayed else 0

    @property
    def host(self) -> str:
        """Host, and port where given, of the feed."""
        return str(Feed[self.feed].value) if self.feed in Feed.__members__ else self.feed


def configuration_of(settings: MassiveSettings, target: FeedTarget) -> MassiveConfiguration:
    """These settings, or this configuration, with the feed, market and subscriptions of the target.

    Raises:
        ConfigurationError: see `MassiveConfiguration`.
    """
    values = msgspec.structs.asdict(settings) | {
        "feed": target.feed,
        "market": target.market,
        "subscriptions": target.subscriptions,
    }
    return MassiveConfiguration(**values)


def check_target(target: FeedTarget) -> None:
    """Check what to listen to; the key is not looked at.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    if target.market not in MARKETS:
        raise ConfigurationError(
            f"MASSIVE_MARKET is {target.market!r}; accepted: {', '.join(MARKETS)} ({ONLY_STOCKS})"
        )
    if not target.subscriptions:
        raise ConfigurationError('MASSIVE_SUBSCRIPTIONS is empty; an example: ["A.*", "T.*"]')
    for subscription in target.subscriptions:
        _check_subscription(subscription)
    _is_vendor_feed(target.feed)  # raises for what is neither an address nor a name


def _is_vendor_feed(feed: str) -> bool:
    if feed in Feed.__members__ or feed.partition(":")[0].lower() in _VENDOR_HOSTS:
        return True
    if ":" in feed or "." in feed:
        return False
    raise ConfigurationError(
        f"MASSIVE_FEED is {feed!r}; accepted: host:port, or one of {', '.join(Feed.__members__)}"
    )


def _check_subscription(subscription: str) -> None:
    """The server silently ignores what it does not know, so a mistake must be found here."""
    channel, _, symbol = subscription.partition(".")
    if channel not in CHANNELS or not (symbol == EVERY_SYMBOL or is_symbol(symbol)):
        raise ConfigurationError(
            f"MASSIVE_SUBSCRIPTIONS has {subscription!r}; accepted: <channel>.* or <channel>.<symbol> "
            f"with a channel of {', '.join(CHANNELS)}"
        )
