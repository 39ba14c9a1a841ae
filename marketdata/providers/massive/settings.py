"""The provider's settings in the environment; `configuration.py` checks them before a connection."""

from typing import Any, Final

import msgspec

from marketdata.providers.base import MARKETS, ONLY_STOCKS
from marketdata.providers.plugin import SettingsReader

_HIDDEN: Final = "********"


class MassiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The `MASSIVE_*` settings.

    `api_key`: empty where none is set, which is enough for a feed at an address of our own.
    `feed`: a member name of the SDK's `Feed` (`RealTime`, `Delayed`, …) or `host:port`.
    `secure`: whether a feed at `host:port` is encrypted; the vendor's own always are.
    `max_reconnects`: how many lost connections in a row are replaced quickly, before waits of a minute begin.
    """

    api_key: str = ""
    feed: str = "RealTime"
    market: str = MARKETS[0]
    subscriptions: tuple[str, ...] = ("A.*", "T.*", "Q.*", "LULD.*")
    rest_url: str = "https://api.massive.com"
    secure: bool = True
    max_reconnects: int = 5

    def __repr__(self) -> str:
        """Without the key: settings are shown on error pages."""
        values: dict[str, Any] = msgspec.structs.asdict(self)
        values["api_key"] = _HIDDEN if self.api_key else ""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def read_settings(environment: SettingsReader) -> MassiveSettings:
    """The settings; the key may also be in `POLYGON_API_KEY`, by the vendor's former name, or in a file.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    usual = MassiveSettings()
    return MassiveSettings(
        api_key=environment.text("MASSIVE_API_KEY")
        or environment.text("POLYGON_API_KEY")
        or environment.secret("MASSIVE_API_KEY"),
        feed=environment.text("MASSIVE_FEED", usual.feed),
        market=environment.choice("MASSIVE_MARKET", usual.market, accepted=MARKETS, reason=ONLY_STOCKS),
        subscriptions=tuple(environment.words("MASSIVE_SUBSCRIPTIONS", usual.subscriptions)),
        rest_url=environment.url("MASSIVE_REST_URL", usual.rest_url, schemes=("http", "https")),
        secure=environment.boolean("MASSIVE_SECURE", default=usual.secure),
        max_reconnects=environment.integer(
            "MASSIVE_MAX_RECONNECTS", usual.max_reconnects, minimum=0, maximum=1_000
        ),
    )
