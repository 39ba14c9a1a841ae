"""The interface of an emulator: it serves a provider's protocol for the simulator and for replays.

An emulator is a part of a provider's plugin. The synthetic market, its scenarios and its pace do not depend
on the provider (`marketdata.synthetic_market`, `marketdata.simulator`). The provider adds the format of the
events, the protocol, and the kinds of bad input.
"""

import enum
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from marketdata.errors import ConfigurationError

if TYPE_CHECKING:  # a look-up of a provider must load neither the market nor a calendar
    from marketdata.recording.format import Metadata
    from marketdata.synthetic_market.blocks import Block
    from marketdata.synthetic_market.market import Market
    from marketdata.synthetic_market.scenarios import Scenario
    from marketdata.trading_calendar import TradingCalendar
    from marketdata.trading_calendar.exchange import Holiday

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9400
_KEY: Final = re.compile(r"[^\s:,]+")


class EvictionPolicy(enum.StrEnum):
    """Which connection is closed when a key has too many."""

    OLDEST = "oldest"
    NEWEST = "newest"


class ApiKey(msgspec.Struct, frozen=True):
    """A key and the channels of its plan; None means all channels."""

    key: str
    channels: frozenset[str] | None = None

    @classmethod
    def parse(cls, text: str, known_channels: Collection[str]) -> "ApiKey":
        """The key of a text `KEY` or `KEY:CHANNELS`, a comma list of known channels.

        Raises:
            ConfigurationError: no key, or a channel that does not exist.
        """
        key, colon, channel_list = text.partition(":")
        channels = frozenset(channel_list.split(",")) if colon else None
        if not _KEY.fullmatch(key) or not (channels or frozenset()) <= frozenset(known_channels):
            accepted = ",".join(sorted(known_channels))
            raise ConfigurationError(
                f"API key {text!r} is not KEY or KEY:CHANNELS with channels of {accepted}"
            )
        return cls(key, channels)


class ProtocolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for behaviour of a provider that varies or is not published.

    `max_connections` is per key. `send_buffer_bytes` bounds the data that waits for one client, in addition
    to the operating system's buffers. A client beyond it is dropped; with `slow_consumer_status` it first
    gets a status with the reason.
    """

    api_keys: tuple[ApiKey, ...]
    max_connections: int = 1
    eviction: EvictionPolicy = EvictionPolicy.OLDEST
    auth_timeout_seconds: float = 10.0
    send_buffer_bytes: int = 32 * 1024 * 1024
    slow_consumer_status: bool = False
    compression: bool = False
    acknowledge_in_one_frame: bool = True

    def __post_init__(self) -> None:
        """Refuse settings with which no client could connect."""
        if not self.api_keys or self.max_connections < 1 or self.auth_timeout_seconds <= 0:
            raise ConfigurationError("need at least one API key, one connection and an auth timeout above 0")
        if self.send_buffer_bytes < 1:
            raise ConfigurationError(f"send_buffer_bytes must be at least 1, got {self.send_buffer_bytes}")

    @property
    def keys(self) -> Mapping[str, ApiKey]:
        """The keys by their text."""
        return {api_key.key: api_key for api_key in self.api_keys}


class ServedAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where to serve. Port 0 takes a free one; `part` is the server's name for operators."""

    part: str
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT


class ProtocolServer(Protocol):
    """A provider's protocol at one address."""

    @property
    def address(self) -> str:
        """`host:port` in use: the address that a client takes as its feed."""

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Bind the port; at the end close the clients' connections.

        Raises:
            OSError: the address cannot be bound.
        """

    def declare_clock(self, now_ms: int) -> None:
        """Send the feed time (`marketdata.feeds`) to all subscribers, before the events up to it."""


class MarketServer(ProtocolServer, Protocol):
    """A synthetic market behind the protocol."""

    def publish(self, blocks: "Sequence[Block]") -> None:
        """Send the events of a step, and the bad input that is due, to all subscribers. Never waits."""

    async def flush(self, within_seconds: float) -> None:
        """Wait until the clients have read the buffered data, for at most this time."""


class FeedClient(Protocol):
    """A client that has subscribed to something."""

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be sent, without the operating system's buffers."""

    def abort(self, reason: str) -> None:
        """End the connection at once."""


class RecordingServer(ProtocolServer, Protocol):
    """A recording behind the protocol."""

    def audience(self) -> Sequence[FeedClient]:
        """The clients that have subscribed to something."""

    def send(self, data: str | bytes) -> None:
        """Send each client of the audience its subscribed part of a recorded frame. Never waits."""


class Emulator(Protocol):
    """Makes servers of one provider's protocol."""

    @property
    def channels(self) -> Collection[str]:
        """The channels that a plan can include, as the provider names them."""

    @property
    def usual_events_per_frame(self) -> int:
        """The default of the maximum number of events in a frame."""

    @property
    def max_events_per_frame(self) -> int:
        """The largest possible value of that number."""

    def market_server(
        self,
        market: "Market",
        settings: ProtocolSettings,
        at: ServedAt,
        *,
        scenario: "Scenario",
        holidays: "Sequence[Holiday]",
        events_per_frame: int,
    ) -> MarketServer:
        """A server of a synthetic market; the scenario defines its bad input.

        `holidays` are for calls about the calendar. A frame holds at most `events_per_frame` events.
        """

    def recording_server(
        self,
        metadata: "Metadata",
        calendar: "TradingCalendar",
        settings: ProtocolSettings,
        at: ServedAt,
        *,
        symbols: frozenset[str] | None,
        start_ms: int,
        market_time_ms: Callable[[], int],
    ) -> RecordingServer:
        """A server of recordings of the provider's feed.

        `symbols` None means all symbols. `start_ms` is the market time at which the recording begins,
        `market_time_ms` returns the market time now; both are epoch milliseconds.
        """
