"""The listener's books: what became of every event that was received."""

from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

from marketdata.observability import metrics
from marketdata.providers.base import BufferCounts
from marketdata.transport.base import Batch


class ListenerCounters(msgspec.Struct, frozen=True, kw_only=True):
    """Since the start of the process, at one instant.

    An event counts as received when its frame is routed or given up; until then its frame counts as
    waiting. Of a frame that is not an array of objects, what went to the queue `unknown` counts. Statuses
    are no events.
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
        """What the books cannot explain: 0, or there is a bug."""
        explained = self.events_published + self.events_in_flight + sum(self.events_dropped.values())
        return self.events_received - explained

    @property
    def unaccounted_frames(self) -> int:
        """The same for frames."""
        return self.frames_received - self.frames_routed - self.frames_dropped - self.frames_waiting


class Ledger:
    """Counts batches by their events, on their way from routing to the broker. One event loop."""

    def __init__(self) -> None:
        self._routed = 0
        self._published = 0
        self._in_flight = 0
        self._batches_in_flight = 0
        self._dropped: Counter[str] = Counter()

    def counters(self, buffer: BufferCounts) -> ListenerCounters:
        """The books as they stand, together with those of the provider's buffer."""
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
        """Batches were made, and are in flight now."""
        events = _events_in(batches)
        self._routed += events
        self._change_in_flight(len(batches), events)

    def published(self, batches: Collection[Batch]) -> None:
        """The broker took the batches."""
        events = _events_in(batches)
        self._published += events
        self._change_in_flight(-len(batches), -events)
        metrics.LISTENER_PUBLISHED.inc(len(batches))
        metrics.LISTENER_PUBLISHED_EVENTS.inc(events)

    def dropped(self, batches: Collection[Batch], reason: str) -> int:
        """The batches were given up; how many events that were."""
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
