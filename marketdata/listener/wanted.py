"""The wanted state of the listener, which operators store, and the actual state, which the listener reports.

Both are JSON in the cache. Neither holds a secret: API keys and broker addresses stay in the settings.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from marketdata.errors import ContentError
from marketdata.feeds import ConnectionTarget
from marketdata.observability.tracing import DEFAULT_SAMPLING_RATIO
from marketdata.providers.base import MARKETS, ONLY_STOCKS, FeedOutlook, ProviderState
from marketdata.runtime.books import Book, positive
from marketdata.runtime.role_settings import RoleSettings, TraceSamplingSetting
from marketdata.runtime.settings import LogLevelSetting, setting

SERVICE: Final = "listener"
RECENT_SECONDS: Final = 5.0
"""The period over which `recent_events` counts."""


class ListenerWanted(RoleSettings, frozen=True, kw_only=True):
    """The wanted state. The listener's own settings give what its record omits.

    The provider's settings say what to listen to.
    """

    running: Annotated[bool, setting("Whether to be connected to the feed.", variable=None)]
    feed: Annotated[str, setting("The provider's feed, by name or by address.", variable=None)]
    market: Annotated[
        str, setting(f"The market of the feed: {', '.join(MARKETS)} ({ONLY_STOCKS}).", variable=None)
    ]
    subscriptions: Annotated[
        tuple[str, ...], setting("The subscriptions, in the words of the provider.", variable=None)
    ]
    session: Annotated[
        int,
        setting("A number that rises asks for a new connection.", variable=None, minimum=0),
    ] = 0
    recording: Annotated[
        bool,
        setting(
            "Whether received frames are recorded. It needs a listener that was started with --record, which "
            "names the directory; that begins with on.",
            variable=None,
        ),
    ] = False
    trace_sampling: TraceSamplingSetting = DEFAULT_SAMPLING_RATIO
    log_level: LogLevelSetting = "INFO"

    @property
    def target(self) -> ConnectionTarget | None:
        """The target for the provider; None when the listener shall be stopped."""
        if not self.running:
            return None
        return ConnectionTarget(
            feed=self.feed, market=self.market, subscriptions=self.subscriptions, generation=self.session
        )


class BrokerState(enum.StrEnum):
    """The result of the newest attempt to reach the broker of the queues."""

    OK = "ok"
    BLOCKED = "blocked"
    AWAY = "away"


class ListenerCounters(msgspec.Struct, frozen=True, kw_only=True):
    """All counts since the start of the process, taken at one instant.

    An event counts as received when its frame is routed or dropped; until then its frame counts as waiting.
    A frame that is not an array of objects counts as the events that went to the queue `unknown`. Statuses
    are not events.
    """

    frames_received: int
    frames_routed: int
    frames_dropped: int
    frames_waiting: int
    events_received: int
    events_published: int
    events_in_flight: int
    events_dropped: Mapping[str, int]


def listener_books(counters: ListenerCounters) -> Sequence[Book]:
    """The same counts as the books of the stage: events to the queues, and frames to the router."""
    return (
        Book(
            name="listener events",
            unit="events",
            received=counters.events_received,
            done=counters.events_published,
            lost=positive(counters.events_dropped),
            waiting=counters.events_in_flight,
        ),
        Book(
            name="listener frames",
            unit="frames",
            received=counters.frames_received,
            done=counters.frames_routed,
            lost=positive({"dropped": counters.frames_dropped}),
            waiting=counters.frames_waiting,
        ),
    )


class ListenerActual(msgspec.Struct, frozen=True, kw_only=True):
    """The actual state, last reported by the listener that holds the role.

    `applied`: the newest accepted wanted state. Its connection may still be in progress.
    `refused_version`, `refusal`: the wanted state that was refused last, and why.
    `session`: number of the connection in this process. `live_since_ms`: 0 until it works.
    `unconfirmed`: subscriptions whose start or end the provider has not acknowledged.
    `since_ms`: when `state` and `reason` last changed.
    `newest_received_ms`: when the newest frame with data arrived; 0 before the first.
    `recent_events`: events that arrived in the last `RECENT_SECONDS`.
    `outlook`: what the feed is expected to deliver.
    All instants are epoch milliseconds of the listener's clock, except the market's own time in `outlook`.
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
        """Whether the wanted state of this version, or a later one, is now the actual state."""
        if self.applied.version < version:
            return False
        if not self.applied.running:
            return self.state is ProviderState.STOPPED
        return self.state is ProviderState.LIVE and not self.unconfirmed


_encoder: Final = msgspec.json.Encoder()
_actual: Final = msgspec.json.Decoder(ListenerActual)


def encode(record: ListenerWanted | ListenerActual) -> bytes:
    """The record as JSON that `read_settings` or `read_actual` reads."""
    return _encoder.encode(record)


def read_actual(value: bytes) -> ListenerActual:
    """The actual state in a stored value.

    Raises:
        ContentError: reason `actual_state`; the value is not such a record.
    """
    try:
        return _actual.decode(value)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("actual_state", str(error)) from error
