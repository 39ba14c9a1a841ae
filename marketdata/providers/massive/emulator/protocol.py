"""The protocol of one client connection, without I/O: from client messages to the server's answers.

The protocol is the provider's: the server speaks first, client messages are single JSON objects, every
server frame is a JSON array. Where public material leaves a point open, `ProtocolSettings` has a field.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from marketdata.feeds import CLOCK_STATUS
from marketdata.providers.emulator import ApiKey, ProtocolSettings

SERVED_CHANNELS: Final = frozenset({"A", "AM", "T", "Q", "LULD"})
KNOWN_CHANNELS: Final = SERVED_CHANNELS | {"NOI", "FMV"}
ALL_TICKERS: Final = "*"
POLICY_VIOLATION: Final = 1008
_encoder: Final = msgspec.json.Encoder()


class Subscriptions:
    """The subscriptions of one client. A ticker and `*` of the same channel are independent of each other."""

    def __init__(self) -> None:
        self._entries: set[tuple[str, str]] = set()

    def add(self, channel: str, ticker: str) -> bool:
        """Add a subscription; False if the client already has it."""
        if (channel, ticker) in self._entries:
            return False
        self._entries.add((channel, ticker))
        return True

    def remove(self, channel: str, ticker: str) -> None:
        """Remove exactly this subscription: `T.*` stays when `T.AAPL` is removed."""
        self._entries.discard((channel, ticker))

    def wants_all(self, channel: str) -> bool:
        """Whether the whole channel is wanted."""
        return (channel, ALL_TICKERS) in self._entries

    def wants_any_whole(self) -> bool:
        """Whether any channel is wanted as a whole."""
        return any(ticker == ALL_TICKERS for _, ticker in self._entries)

    def tickers(self) -> Mapping[str, frozenset[str]]:
        """Single tickers by channel, for channels that are not wanted as a whole."""
        channels = {channel for channel, _ in self._entries if not self.wants_all(channel)}
        return {
            channel: frozenset(ticker for other, ticker in self._entries if other == channel)
            for channel in channels
        }

    def __len__(self) -> int:
        """Number of active subscriptions."""
        return len(self._entries)


def parse_subscriptions(params: str) -> Iterator[tuple[str, str]]:
    """(channel, ticker) of each entry of a comma list; blanks around entries do not count.

    An entry is split at its first dot only, as tickers may contain dots. One without a channel or a ticker,
    or with an unknown channel, is ignored without an answer, as by the provider.
    """
    for entry in params.split(","):
        channel, _, ticker = entry.strip().partition(".")
        if channel in KNOWN_CHANNELS and ticker:
            yield channel, ticker


def status(name: str, message: str) -> dict[str, str]:
    """A status event."""
    return {"ev": "status", "status": name, "message": message}


def frame(events: Sequence[Mapping[str, Any]]) -> bytes:
    """A server frame: always an array."""
    return _encoder.encode(events)


def clock_frame(now_ms: int) -> bytes:
    """The frame by which a feed declares its own time (`marketdata.feeds`); epoch milliseconds."""
    return frame([status(CLOCK_STATUS, str(now_ms))])


CONNECTED: Final = frame([status("connected", "Connected Successfully")])
AUTHENTICATED: Final = frame([status("auth_success", "authenticated")])
AUTH_FAILED: Final = frame([status("auth_failed", "authentication failed")])
AUTH_TIMEOUT: Final = frame([status("auth_timeout", "No authentication request received.")])
MAX_CONNECTIONS: Final = frame(
    [
        status(
            "max_connections",
            "Maximum number of websocket connections exceeded. You have reached the connection limit for "
            "your account. Please contact support at https://massive.com/contact to increase your limit.",
        )
    ]
)
SLOW_CONSUMER: Final = frame([status("slow_consumer", "Client reads too slowly; send buffer exceeded.")])
_INVALID_MESSAGE: Final = status("error", "invalid message: expected a JSON object with action and params")
_NOT_AUTHORIZED: Final = status("error", "not authorized")
_NOT_AUTHENTICATED: Final = status("auth_required", "authenticate first")


class NextStep(enum.Enum):
    """What the server does after the answer to a client message."""

    CONTINUE = enum.auto()
    AUTHENTICATED = enum.auto()
    ABORT = enum.auto()


class Reply(msgspec.Struct, frozen=True):
    """The frames to send, in order, and what to do then."""

    frames: tuple[bytes, ...] = ()
    outcome: NextStep = NextStep.CONTINUE


class _ClientMessage(msgspec.Struct, frozen=True):
    action: str
    params: str = ""


_decoder: Final = msgspec.json.Decoder(_ClientMessage)


class Conversation:
    """The state of one connection: who it is, and what it subscribed to."""

    def __init__(self, settings: ProtocolSettings) -> None:
        self._settings: Final = settings
        self._keys: Final = settings.keys
        self.api_key: ApiKey | None = None
        self.subscriptions: Final = Subscriptions()

    def receive(self, data: str | bytes) -> Reply:
        """Handle one client message, from a text frame or a binary frame."""
        try:
            message = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeError):
            return Reply((frame([_INVALID_MESSAGE]),))
        if message.action == "auth":
            return self._authenticate(message.params)
        if self.api_key is None:
            return Reply((frame([_NOT_AUTHENTICATED]),))
        if message.action == "subscribe":
            return self._acknowledge(list(self._subscribe(self.api_key, message.params)))
        if message.action == "unsubscribe":
            return self._acknowledge(list(self._unsubscribe(message.params)))
        return Reply((frame([_INVALID_MESSAGE]),))

    def _authenticate(self, key: str) -> Reply:
        self.api_key = self._keys.get(key)
        if self.api_key is None:
            # The live service drops the connection without a closing handshake.
            return Reply((AUTH_FAILED,), NextStep.ABORT)
        return Reply((AUTHENTICATED,), NextStep.AUTHENTICATED)

    def _subscribe(self, api_key: ApiKey, params: str) -> Iterator[dict[str, str]]:
        entitled = SERVED_CHANNELS if api_key.channels is None else api_key.channels
        for channel, ticker in parse_subscriptions(params):
            if channel not in entitled:
                yield _NOT_AUTHORIZED
            elif self.subscriptions.add(channel, ticker):
                yield status("success", f"subscribed to: {channel}.{ticker}")

    def _unsubscribe(self, params: str) -> Iterator[dict[str, str]]:
        for channel, ticker in parse_subscriptions(params):
            self.subscriptions.remove(channel, ticker)
            yield status("success", f"unsubscribed to: {channel}.{ticker}")

    def _acknowledge(self, statuses: Sequence[Mapping[str, str]]) -> Reply:
        if self._settings.acknowledge_in_one_frame:
            return Reply((frame(statuses),) if statuses else ())
        return Reply(tuple(frame([one]) for one in statuses))
