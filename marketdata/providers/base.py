"""The interface of a provider: a source of raw frames, which can also sort the events in them.

The listener uses it: `run` keeps the connection, `frames` returns the frames that arrived, and `route` sorts
the events into queues. It reads only their types and symbols.
"""

import asyncio
import enum
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from marketdata.feeds import ConnectionTarget, Frame, StatusEvent
from marketdata.trading_calendar import MarketSession
from marketdata.transport.queues import QueueName

MARKETS: Final = ("stocks",)
"""The markets whose events the platform understands; `ONLY_STOCKS` says why there are no others."""

ONLY_STOCKS: Final = "options and indices are not served: there are no rows, boards and quotes of them"


class ProviderState(enum.StrEnum):
    """The states of the connection."""

    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting to reconnect"
    MARKET_CLOSED = "waiting for the market to open"
    REFUSED = "refused"
    STOPPED = "stopped"


class ProviderStatus(msgspec.Struct, frozen=True, gc=False):
    """The state. For every state but LIVE it has the reason, and the provider's own text."""

    state: ProviderState
    reason: str = ""
    detail: str = ""


class ConnectionReport(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about the newest connection.

    `number`: its ordinal since the start of the process.
    `live_since_ns`: when it became usable; 0 before.
    `newest_received_ns`: when the newest frame with data came; 0 before the first.
    `confirmed`: the subscriptions that the provider acknowledged.
    `complaint`: the last refusal of the provider that did not end the connection.
    """

    number: int = 0
    live_since_ns: int = 0
    newest_received_ns: int = 0
    confirmed: tuple[str, ...] = ()
    complaint: str = ""


class FeedOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """The events to expect from the provider's feed now, so that its silence can be judged.

    `session`: the market's; None before a look-up, which a feed that brings events does not need.
    `opens_ms`: when a closed market opens, in the market's own time (epoch milliseconds); 0 where unknown.
    `is_busy`: whether in the regular session some event is due every few seconds.
    `delay_ms`: by how much the feed is late by its nature, as the delayed plans are.
    """

    session: MarketSession | None = None
    opens_ms: int = 0
    is_busy: bool = True
    delay_ms: int = 0


class BufferCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a provider's buffer: `frames_received = frames_taken + frames_dropped + frames_waiting`.

    `events_dropped` is the exact number of events in the dropped frames, by reason.
    """

    frames_received: int
    frames_taken: int
    frames_dropped: int
    frames_waiting: int
    events_dropped: Mapping[str, int]


class RoutedEvents(msgspec.Struct, frozen=True, gc=False):
    """Events for one queue and shard: `body` is a JSON array of their original texts, in order of arrival."""

    queue: QueueName
    shard: int
    event_count: int
    body: bytes


class Routing(msgspec.Struct, frozen=True):
    """The routed events of some frames. `set_aside` counts, by reason, the events for the unknown queue."""

    parts: Sequence[RoutedEvents]
    statuses: Sequence[StatusEvent]
    set_aside: Mapping[str, int]


class RoutedFrames(msgspec.Struct, frozen=True):
    """The routed events of a group of frames.

    `set_aside` counts, by reason, the events for the unknown queue. `feed_time_ms` is the feed time (epoch
    milliseconds) when the newest of the frames arrived: no event in them can be later.
    """

    parts: Sequence[RoutedEvents]
    set_aside: Mapping[str, int]
    feed_time_ms: int


class EventRouter(Protocol):
    """Sorts the events of the frames that were added since the last `take`; not safe for concurrent calls."""

    def add(self, data: str | bytes) -> None:
        """Keep one frame for the next `take`."""

    def take(self) -> Routing:
        """The sorted events of all frames that were added since the last call.

        Never raises: events that are not understood are set aside with a reason.
        """


class Provider(Protocol):
    """One connection to one vendor's feed."""

    @property
    def format(self) -> str:
        """The name of the format of its frames: see `marketdata.providers.wire_format`."""

    @property
    def status(self) -> ProviderStatus:
        """The state of the connection now."""

    @property
    def connection(self) -> ConnectionReport:
        """The facts about the newest connection."""

    @property
    def outlook(self) -> FeedOutlook:
        """The events to expect from the feed now."""

    @property
    def counts(self) -> BufferCounts:
        """The counts of received, taken, dropped and waiting frames."""

    def set_target(self, target: ConnectionTarget | None) -> None:
        """Connect to this target from now on; None disconnects until the next call.

        Changed subscriptions are sent on the open connection. Another feed, market or generation ends it and
        opens a new one at once.

        Raises:
            ConfigurationError: the target is not accepted; the old one stays.
        """

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the feed connected until `stopping`. Failures are reported in `status`, and retried."""

    async def frames(self) -> Sequence[Frame]:
        """Wait for frames; return the waiting ones, oldest first, up to about a megabyte of text.

        The waiting frames are bounded: the oldest are dropped and counted. An empty result means that `run`
        has ended and no frames are left.
        """

    def discard(self, reason: str) -> None:
        """Drop the waiting frames, and count them under `reason`."""

    def route(self, frames: Sequence[Frame], shard_count: int) -> RoutedFrames:
        """Sort the events of at least one frame, in the order in which the frames were taken.

        Statuses among the events are for the provider itself. Never raises for content.
        """
