"""What operators want of the listener, and what it reports back: the two sides of its control.

Both are JSON in the cache. Neither holds a secret: keys and addresses of brokers stay in the settings.
"""

import enum
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from marketdata.errors import ContentError
from marketdata.feeds import FeedTarget
from marketdata.listener.ledger import ListenerCounters
from marketdata.providers.base import FeedOutlook, ProviderState
from marketdata.runtime.settings import ServiceSettings, setting

SERVICE: Final = "listener"
RECENT_SECONDS: Final = 5.0
"""Over which time the newest events are counted."""


class ListenerWanted(ServiceSettings, frozen=True, kw_only=True):
    """The wanted state. Until one is stored, the provider's own settings say what to listen to."""

    running: Annotated[bool, setting("Whether to be connected to the feed.")]
    feed: Annotated[str, setting("The provider's feed, by name or by address.")]
    market: Annotated[str, setting("The market of the feed.")]
    subscriptions: Annotated[tuple[str, ...], setting("The subscriptions, in the words of the provider.")]
    session: Annotated[
        int,
        setting("A number that rises asks for a new connection.", minimum=0),
    ] = 0

    @property
    def target(self) -> FeedTarget | None:
        """What the provider is to listen to; None while the listener is wanted to stop."""
        if not self.running:
            return None
        return FeedTarget(
            feed=self.feed, market=self.market, subscriptions=self.subscriptions, generation=self.session
        )


class BrokerState(enum.StrEnum):
    """What the newest attempt at the queues' broker came to."""

    OK = "ok"
    BLOCKED = "blocked"
    AWAY = "away"


class ListenerActual(msgspec.Struct, frozen=True, kw_only=True):
    """The actual state, as the listener that holds the role last told it.

    `applied` is the newest wanted state that took effect or is taking it; `refused_version` and `refusal`
    tell of one that was not accepted. `session` counts the connections of this process, `live_since_ms` is 0
    before the current one works. `unconfirmed` are subscriptions that the provider has not begun, or not
    ended, with an acknowledgement (yet). `since_ms`: since when `state` and `reason` are what they are;
    `newest_received_ms`: when the newest frame with data came, 0 before the first; `recent_events`: how many
    events came in the last `RECENT_SECONDS`; `outlook`: what the feed should bring.
    All instants are epoch milliseconds of the listener's clock, but for the market's own time in `outlook`.
    """

    source: str
    reported_at_ms: int
    applied: ListenerWanted
    state: ProviderState
    reason: str
    detail: str
    session: int
    live_since_ms: int
    unconfirmed: Sequence[str]
    counters: ListenerCounters
    since_ms: int = 0
    broker: BrokerState = BrokerState.OK
    newest_received_ms: int = 0
    recent_events: int = 0
    outlook: FeedOutlook = FeedOutlook()
    refused_version: int = 0
    refusal: str = ""

    def has_effect(self, version: int) -> bool:
        """Whether the wanted state of this version (or a later one) is how things are."""
        if self.applied.version < version:
            return False
        if not self.applied.running:
            return self.state is ProviderState.STOPPED
        return self.state is ProviderState.LIVE and not self.unconfirmed


_encoder: Final = msgspec.json.Encoder()
_wanted: Final = msgspec.json.Decoder(ListenerWanted)
_actual: Final = msgspec.json.Decoder(ListenerActual)


def encode(record: ListenerWanted | ListenerActual) -> bytes:
    """The record as JSON that `read_wanted` or `read_actual` reads."""
    return _encoder.encode(record)


def read_wanted(value: bytes) -> ListenerWanted:
    """The wanted state in a stored value.

    Raises:
        ContentError: reason `wanted_state`; something else wrote there.
    """
    try:
        return _wanted.decode(value)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("wanted_state", str(error)) from error


def read_actual(value: bytes) -> ListenerActual:
    """The actual state in a stored value.

    Raises:
        ContentError: reason `actual_state`; something else wrote there.
    """
    try:
        return _actual.decode(value)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("actual_state", str(error)) from error
