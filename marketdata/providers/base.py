"""What a provider is: a source of raw frames, and the knowledge of how to take them apart.

The listener drives it: `run` keeps the connection, `frames` hands over what arrived, and the
provider's router sorts the events into queues without reading more than type and symbol.
"""

import asyncio
import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from marketdata.transport.queues import QueueName


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of the feed as it came off the wire, and when (epoch nanoseconds)."""

    data: str | bytes
    received_ns: int


class ProviderState(enum.StrEnum):
    """Where the connection is in its life."""

    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting to reconnect"
    REFUSED = "refused"
    STOPPED = "stopped"


class ProviderStatus(msgspec.Struct, frozen=True, gc=False):
    """The state, and for every state but LIVE the word for why, with the provider's own text."""

    state: ProviderState
    reason: str = ""
    detail: str = ""


class StatusEvent(msgspec.Struct, frozen=True, gc=False):
    """What the provider says about the connection itself, in its own words."""

    status: str
    message: str = ""


class RoutedEvents(msgspec.Struct, frozen=True, gc=False):
    """Events for one queue and shard: `body` is a JSON array of their original texts, in order of arrival."""

    queue: QueueName
    shard: int
    event_count: int
    body: bytes


class Routing(msgspec.Struct, frozen=True):
    """What a router made of some frames. `set_aside` counts by reason what went to the unknown queue."""

    parts: Sequence[RoutedEvents]
    statuses: Sequence[StatusEvent]
    set_aside: Mapping[str, int]


class EventRouter(Protocol):
    """Takes frames apart. Holds what was added since the last `take`; not safe for concurrent calls."""

    def add(self, data: str | bytes) -> None:
        """Sort the events of one frame. Never raises: what is not understood is set aside with a reason."""

    def take(self) -> Routing:
        """Everything added since the last call."""


class Provider(Protocol):
    """One connection to one vendor's feed."""

    @property
    def status(self) -> ProviderStatus:
        """The state of the connection now."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the feed connected until `stopping`; trouble is waited out, and told in `status`."""

    async def frames(self) -> Sequence[Frame]:
        """Wait for frames and hand over those that wait, oldest first, up to about a megabyte of text.

        What nobody takes is bounded: the oldest frames give way, and are counted. Empty means that `run`
        has ended and nothing is left.
        """

    def router(self, shard_count: int) -> EventRouter:
        """A router for this provider's frames."""

    def notice(self, statuses: Sequence[StatusEvent]) -> None:
        """Learn of the statuses that a router found among the events."""
