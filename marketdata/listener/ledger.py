"""Counts what happened to every received event: published, in flight or dropped."""

from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

from marketdata.observability import metrics
from marketdata.providers.base import BufferCounts
from marketdata.transport.base import Batch


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

    @property
    def unaccounted_events(self) -> int:
        """Received events that no other count explains. Anything but 0 is a bug."""
        explained = self.events_published + self.events_in_flight + sum(self.events_dropped.values())
        return self.events_received - explained

    @property
    def unaccounted_frames(self) -> int:
        """Received frames that no other count explains. Anything but 0 is a bug."""
        return self.frames_received - self.frames_routed - self.frames_dropped - self.frames_waiting


class Ledger:
    """Counts the events of batches from routing until the broker accepts them. For one event loop."""

    def __init__(self) -> None:
        self._routed = 0
        self._published = 0
        self._in_flight = 0
        self._batches_in_flight = 0
        self._dropped: Counter[str] = Counter()

    def counters(self, buffer: BufferCounts) -> ListenerCounters:
        """The counts at this moment, together with those of the provider's buffer."""
        dropped = self._dropped + Counter(buffer.events_dropped)
        return ListenerCounters(
            frames_received=buffer.frames_received,
            frames_routed=buffer.frames_taken,
            frames_dropped=buffer.frames_dropped,
            frames_waiting=buffer.frames_waiting,
            events_received=self._routed + sum(buffer.events_dropped.values()),
            events_published=self._published,
            events_in_flight=self._in_flight,
            events_dropped=dict(dropped),
        )

    def routed(self, batches: Collection[Batch]) -> None:
        """Count batches as routed and in flight."""
        events = _events_in(batches)
        self._routed += events
        self._change_in_flight(len(batches), events)

    def published(self, batches: Collection[Batch]) -> None:
        """Count batches that the broker accepted."""
        events = _events_in(batches)
        self._published += events
        self._change_in_flight(-len(batches), -events)
        metrics.LISTENER_PUBLISHED.inc(len(batches))
        metrics.LISTENER_PUBLISHED_EVENTS.inc(events)

    def dropped(self, batches: Collection[Batch], reason: str) -> int:
        """Count batches that will never be published. Returns the number of their events."""
        events = _events_in(batches)
        self._dropped[reason] += events
        self._change_in_flight(-len(batches), -events)
        metrics.LISTENER_DROPPED.labels(reason=reason).inc(len(batches))
        metrics.LISTENER_DROPPED_EVENTS.labels(reason=reason).inc(events)
        return events

    def _change_in_flight(self, batches: int, events: int) -> None:
        self._batches_in_flight += batches
        self._in_flight += events
        metrics.LISTENER_PENDING.set(self._batches_in_flight)
        metrics.LISTENER_PENDING_EVENTS.set(self._in_flight)


def _events_in(batches: Collection[Batch]) -> int:
    return sum(batch.event_count for batch in batches)
