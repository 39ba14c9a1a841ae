"""The books of a shard: every event that its owner received, and what became of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from marketdata.runtime.books import Book
from marketdata.runtime.report import QueueIntake
from marketdata.transport.base import Delivery, Taken
from marketdata.transport.queues import QueueName
from scanners.processor.outcome import Outcome

LEFT: Final = "left to the next owner"
SET_ASIDE_BEFORE: Final = "set aside by the listener"
MOST_SOURCES: Final = 4
"""How many listener processes a report names per queue, the newest last. They change with restarts only."""


class EventAccount:
    """Counts the events of one shard since the start of the process, per group of deliveries."""

    def __init__(self) -> None:
        self._received = 0
        self._applied = 0
        self._lost: Counter[str] = Counter()

    def note_received(self, deliveries: Iterable[Delivery]) -> None:
        """Count the events of deliveries that just arrived."""
        self._received += _events_in(deliveries)

    def note_outcome(self, outcome: Outcome) -> None:
        """Count the events of a group that was applied."""
        self._applied += outcome.applied.total()
        self._lost.update({f"ignored, {reason}": count for reason, count in outcome.ignored.items()})
        self._lost.update({f"set aside, {reason}": count for reason, count in outcome.rejected.items()})
        self._lost[SET_ASIDE_BEFORE] += outcome.unknown.total()

    def note_left(self, deliveries: Iterable[Delivery]) -> None:
        """Count the events of deliveries that were not applied, since the shard was lost or given back."""
        self._lost[LEFT] += _events_in(deliveries)

    def book(self, waiting: Iterable[Delivery]) -> Book:
        """The sum at this instant. `waiting` are the deliveries that are not applied yet."""
        return Book(
            name="processor events",
            unit="events",
            received=self._received,
            done=self._applied,
            lost={reason: count for reason, count in self._lost.items() if count},
            waiting=_events_in(waiting),
        )


def queue_intakes(taken: Mapping[QueueName, Taken], held: Collection[Delivery]) -> list[QueueIntake]:
    """What a subscription took, queue by queue. `held` are the deliveries that are not acknowledged."""
    oldest_ns: dict[QueueName, int] = {}
    for delivery in held:
        batch = delivery.batch
        oldest_ns[batch.queue] = min(batch.received_ns, oldest_ns.get(batch.queue, batch.received_ns))
    return [
        QueueIntake(
            queue=queue.value,
            received=each.received,
            expired=each.expired,
            missing=each.missing,
            again=each.again,
            numbers=dict(list(each.numbers.items())[-MOST_SOURCES:]),
            newest_received_ns=each.newest_received_ns,
            oldest_held_ns=oldest_ns.get(queue, 0),
        )
        for queue, each in taken.items()
    ]


def _events_in(deliveries: Iterable[Delivery]) -> int:
    return sum(delivery.batch.event_count for delivery in deliveries)
