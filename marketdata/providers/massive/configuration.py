"""The settings of a connection, checked before it is opened."""

from typing import Final

import msgspec
from massive.websocket.models import Feed

from marketdata.errors import ConfigurationError
from marketdata.events import is_symbol
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import MARKETS, ONLY_STOCKS
from marketdata.providers.massive.settings import MassiveSettings

# The delayed plans' feeds, by their names in the SDK, and by how much they are late.
DELAYED: Final = "Delayed"
DELAY_MS: Final = 15 * 60_000
# The provider does not publish how exact this delay is, so event times may differ from it by this much.
DELAY_ROOM_MS: Final = 60_000
_VENDOR_HOSTS: Final = frozenset(str(feed.value) for feed in Feed)
BUSY_SUBSCRIPTIONS: Final = frozenset({"A.*", "T.*", "Q.*"})
EVERY_SYMBOL: Final = "*"

CHANNELS: Final = ("A", "AM", "T", "Q", "LULD", "NOI", "FMV", "LV")
"""The channels of the stock market in the provider's documentation.

Events without a queue go to `unknown`.
"""


class MassiveConfiguration(MassiveSettings, frozen=True, kw_only=True):
    """The checked settings of a connection, and its timeouts.

    `answer_timeout_seconds`: from connecting to the first answer to the subscriptions.
    `silence_timeout_seconds`: in the regular session, a connection that is subscribed to a whole busy channel
    is closed after this time without a frame; None never closes it.
    `quiet_silence_timeout_seconds`: the same outside the regular session, and for single symbols. It is
    longer than 15 minutes, since the delayed feeds are silent for that long at the beginning of a day.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """

    answer_timeout_seconds: float = 15.0
    silence_timeout_seconds: float | None = 30.0
    quiet_silence_timeout_seconds: float = 1_200.0

    def __post_init__(self) -> None:
        check_target(ConnectionTarget(feed=self.feed, market=self.market, subscriptions=self.subscriptions))
        if _is_vendor_feed(self.feed) and not self.api_key:
            raise ConfigurationError(f"MASSIVE_API_KEY is empty, and the feed {self.feed} needs a key")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted. It always is to the vendor, since the key is sent to it."""
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


def configuration_of(settings: MassiveSettings, target: ConnectionTarget) -> MassiveConfiguration:
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


def check_target(target: ConnectionTarget) -> None:
    """Check a target. The key is not checked.

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
    """Refuse an unknown subscription: the server would silently ignore it."""
    channel, _, symbol = subscription.partition(".")
    if channel not in CHANNELS or not (symbol == EVERY_SYMBOL or is_symbol(symbol)):
        raise ConfigurationError(
            f"MASSIVE_SUBSCRIPTIONS has {subscription!r}; accepted: <channel>.* or <channel>.<symbol> "
            f"with a channel of {', '.join(CHANNELS)}"
        )
