"""What serves a provider's protocol on this machine, for the simulator and for replays of recordings.

An emulator is a part of a provider's plugin. The synthetic market, its scenarios and its pace are the
platform's (`marketdata.synthetic_market`, `marketdata.simulator`). A provider adds how events are spelled and
served, and what can be odd about them.
"""

import enum
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from marketdata.errors import ConfigurationError

if TYPE_CHECKING:  # looking a provider up must load no market and no calendar
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
    """Which connection ends when a key has too many."""

    OLDEST = "oldest"
    NEWEST = "newest"


class ApiKey(msgspec.Struct, frozen=True):
    """A key and the channels that its plan includes; None: all that are served."""

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
    """How the server behaves where a provider's behaviour varies or is not published.

    `max_connections` is per key. `send_buffer_bytes` bounds what waits for one client, beyond the operating
    system's own buffers. With `slow_consumer_status` such a client gets the reason before it is dropped.
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
        """Refuse settings under which nobody could connect."""
        if not self.api_keys or self.max_connections < 1 or self.auth_timeout_seconds <= 0:
            raise ConfigurationError("need at least one API key, one connection and an auth timeout above 0")
        if self.send_buffer_bytes < 1:
            raise ConfigurationError(f"send_buffer_bytes must be at least 1, got {self.send_buffer_bytes}")

    @property
    def keys(self) -> Mapping[str, ApiKey]:
        """The keys by their text."""
        return {api_key.key: api_key for api_key in self.api_keys}


class ServedAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where to serve. Port 0 takes a free one; `part` is what operators call the server."""

    part: str
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT


class ProtocolServer(Protocol):
    """A provider's protocol at one address."""

    @property
    def address(self) -> str:
        """`host:port` in use; what a client takes as its feed."""

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Bind the port; at the end take leave of the clients.

        Raises:
            OSError: the address cannot be bound.
        """

    def declare_clock(self, now_ms: int) -> None:
        """Tell all subscribers the feed's time (`marketdata.feed_clock`), before the events up to then."""


class MarketServer(ProtocolServer, Protocol):
    """A synthetic market behind the protocol."""

    def publish(self, blocks: "Sequence[Block]") -> None:
        """Send the events of a step, and the odd input that is due, to all subscribers. Waits for nobody."""

    async def flush(self, within_seconds: float) -> None:
        """Let the clients take what waits for them, for so long at most."""


class FeedClient(Protocol):
    """A client that has subscribed to something."""

    @property
    def pending_bytes(self) -> int:
        """What waits to be sent, beyond the operating system's own buffers."""

    def abort(self, reason: str) -> None:
        """End the connection at once."""


class RecordingServer(ProtocolServer, Protocol):
    """A recording behind the protocol."""

    def audience(self) -> Sequence[FeedClient]:
        """The clients that have subscribed to something."""

    def send(self, data: str | bytes) -> None:
        """Send a recorded frame to the audience, to each client what it subscribed to. Waits for nobody."""


class Emulator(Protocol):
    """Makes servers of one provider's protocol."""

    @property
    def channels(self) -> Collection[str]:
        """What a key can be entitled to, in the provider's words."""

    @property
    def usual_events_per_frame(self) -> int:
        """How many events a frame holds at most, unless another number is asked for."""

    @property
    def max_events_per_frame(self) -> int:
        """How many it can hold at most."""

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
        """A server of a synthetic market; the scenario says what is odd in it.

        `holidays` are for calls about the calendar. A frame holds at most so many events.
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

        `symbols` None leaves nothing out. `start_ms` is where the recording begins, `market_time_ms` says
        where it is: market time, epoch milliseconds.
        """
