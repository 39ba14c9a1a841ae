"""What the Massive provider must be told, checked before anything is connected."""

from typing import Final

import msgspec
from massive.websocket.models import Feed

from marketdata.errors import ConfigurationError

MARKETS: Final = ("stocks",)
CHANNELS: Final = ("A", "AM", "T", "Q", "LULD", "NOI", "FMV", "LV")


class MassiveConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Connection settings; the names follow the `MASSIVE_*` settings.

    `feed`: a member name of the SDK's `Feed` (`RealTime`, `Delayed`, …) or `host:port`.
    `max_reconnects`: consecutive lost sessions that are retried quickly, before waits of a minute begin.
    `answer_timeout_seconds`: from dialling to the first answer to the subscriptions.
    `silence_timeout_seconds`: a connection without a single frame for so long is given up; None never does.
    """

    api_key: str
    feed: str = "RealTime"
    market: str = "stocks"
    subscriptions: tuple[str, ...] = ("A.*", "T.*", "Q.*", "LULD.*")
    secure: bool = True
    max_reconnects: int = 5
    answer_timeout_seconds: float = 15.0
    silence_timeout_seconds: float | None = 300.0

    def __post_init__(self) -> None:
        if self.market not in MARKETS:
            raise ConfigurationError(f"MASSIVE_MARKET is {self.market!r}; accepted: {', '.join(MARKETS)}")
        if not self.subscriptions:
            raise ConfigurationError('MASSIVE_SUBSCRIPTIONS is empty; an example: ["A.*", "T.*"]')
        for subscription in self.subscriptions:
            _check_subscription(subscription)
        if _is_vendor_feed(self.feed) and not self.api_key:
            raise ConfigurationError(f"MASSIVE_API_KEY is empty, and the feed {self.feed} needs a key")

    @property
    def host(self) -> str:
        """Host, and port where given, of the feed."""
        return str(Feed[self.feed].value) if _is_vendor_feed(self.feed) else self.feed


def _is_vendor_feed(feed: str) -> bool:
    if feed in Feed.__members__:
        return True
    if ":" in feed or "." in feed:
        return False
    raise ConfigurationError(
        f"MASSIVE_FEED is {feed!r}; accepted: host:port, or one of {', '.join(Feed.__members__)}"
    )


def _check_subscription(subscription: str) -> None:
    """The server silently ignores what it does not know, so a mistake must be found here."""
    channel, dot, symbol = subscription.partition(".")
    if channel not in CHANNELS or not dot or not symbol or "," in symbol:
        channels = ", ".join(CHANNELS)
        raise ConfigurationError(
            f"MASSIVE_SUBSCRIPTIONS has {subscription!r}; accepted: <channel>.* or <channel>.<symbol> "
            f"with a channel of {channels}"
        )
