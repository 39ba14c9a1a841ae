"""What became of the events: how many were applied, ignored or rejected, and the pieces that were set aside.

The counts also show whether the listener's clock is behind. `EventAccount` keeps the books of a shard:
every event that its owner received, and what became of it.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.codec import Rejected, RejectReason
from marketdata.errors import ContentError
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.payloads import UnknownPiece
from marketdata.providers.registry import wire_format
from marketdata.runtime.books import Book
from marketdata.runtime.report import QueueIntake
from marketdata.transport.base import Batch, Delivery, Taken
from marketdata.transport.queues import QueueName
from scanners.processor.symbol_rows import UNKNOWN_SYMBOL

PIECES: Final = 1_000
BYTES_PER_TICK: Final = 256 * 1024
PERIOD_NS: Final = 10_000_000_000
CLOCK_IS_BEHIND: Final = (
    "most events are stamped ahead of the feed's clock and are refused: "
    "the clock of the listener's machine is behind; synchronise it (NTP)"
)

log = get_logger(__name__)


class Outcome(msgspec.Struct):
    """How many events of some batches were applied (by queue), and ignored or rejected (by reason).

    Ignored are events of another day (`other_day`), events `ahead` of the feed time, and events of an
    `unknown_symbol` that got no row. `corrections` counts how often the market's time was wrong, so that the
    day started again. `unknown` counts the pieces of the unknown queue, which listeners have set aside.
    """

    applied: Counter[str]
    rejected: Counter[str]
    ignored: Counter[str]
    unknown: Counter[str] = msgspec.field(default_factory=Counter)
    corrections: int = 0


class OutcomeReporter:
    """Counts the outcomes of one shard in the metrics, and logs those that need attention, rate-limited."""

    def __init__(self, shard: int, clock: Clock) -> None:
        self._shard = shard
        self._limited_log = RateLimitedLog(log, clock=clock)

    def report(self, outcome: Outcome, batches: Mapping[QueueName, int], *, rows: int) -> None:
        """Report the outcome of batches (their number by queue) of a shard that has so many `rows`."""
        for queue, count in batches.items():
            metrics.PROCESSOR_BATCHES.labels(queue).inc(count)
        for name, count in (*outcome.applied.items(), *outcome.unknown.items()):
            metrics.PROCESSOR_EVENTS.labels(name).inc(count)
        for reason, count in outcome.ignored.items():
            metrics.PROCESSOR_IGNORED.labels(reason).inc(count)
            if reason == "ahead" and count:
                self._limited_log.warning("events refused", reason=reason, shard=self._shard, events=count)
        if outcome.corrections:
            metrics.PROCESSOR_CLOCK_CORRECTIONS.inc(outcome.corrections)
            log.warning("market time was ahead of the feed's clock: the day starts anew", shard=self._shard)
        if refused := outcome.ignored[UNKNOWN_SYMBOL]:
            self._limited_log.warning(
                "events of symbols that got no row: too many that reference data does not know",
                reason=UNKNOWN_SYMBOL,
                shard=self._shard,
                events=refused,
                rows=rows,
            )
        for reason, count in outcome.rejected.items():
            metrics.PROCESSOR_REJECTED.labels(reason).inc(count)
            self._limited_log.warning("events set aside", reason=reason, shard=self._shard, events=count)


class SetAside:
    """The newest pieces that a shard's processor did not understand, until a tick stores them.

    At most 1,000 pieces of 4 KiB wait, however many arrive.
    """

    def __init__(self) -> None:
        self._pieces: deque[UnknownPiece] = deque(maxlen=PIECES)

    def add_batch(self, batch: Batch) -> int:
        """Keep the newest pieces of a batch of the unknown queue. Returns how many pieces it had."""
        try:
            count, newest = wire_format(batch.format).newest_unknown(batch.body, PIECES)
        except ContentError:
            count, newest = batch.event_count, [Rejected(RejectReason.UNKNOWN_FORMAT, batch.body)]
        self.add(newest, batch.received_ns)
        return count

    def add(self, rejected: Iterable[Rejected], received_ns: int) -> None:
        """Keep pieces that were received at this time (epoch nanoseconds)."""
        self._pieces.extend(
            UnknownPiece.cut(each.raw, reason=each.reason.value, received_ns=received_ns) for each in rejected
        )

    def newest(self) -> Sequence[UnknownPiece]:
        """As many of the newest pieces as a tick may store, oldest first."""
        chosen: list[UnknownPiece] = []
        size = 0
        for piece in reversed(self._pieces):
            size += len(piece.raw)
            if size > BYTES_PER_TICK:
                break
            chosen.append(piece)
        return chosen[::-1]

    def clear(self) -> None:
        """Forget the pieces: they are stored."""
        self._pieces.clear()


class ClockAgreement:
    """Whether the listener's clock agrees with the market: most events ahead of it mean that it is behind.

    Compares, in each period, the events refused as ahead with those applied. Instants are epoch ns.
    """

    def __init__(self) -> None:
        self._began_ns = 0
        self._applied = self._ahead = 0
        self._disagreed_in_last = False

    def note(self, now_ns: int, *, applied: int, ahead: int) -> None:
        """Count events that were applied, and events that were refused as ahead."""
        self._enter_period(now_ns)
        self._applied += applied
        self._ahead += ahead

    def failure(self, now_ns: int) -> str:
        """What is wrong, judged by the last full period and the present one; empty if nothing is wrong."""
        self._enter_period(now_ns)
        disagrees = self._ahead > self._applied
        return CLOCK_IS_BEHIND if disagrees or (self._disagreed_in_last and not self._applied) else ""

    def _enter_period(self, now_ns: int) -> None:
        if 0 <= now_ns - self._began_ns < PERIOD_NS:
            return
        is_next = 0 <= now_ns - self._began_ns < 2 * PERIOD_NS
        self._disagreed_in_last = is_next and self._ahead > self._applied
        self._began_ns, self._applied, self._ahead = now_ns, 0, 0


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
            purged=each.purged,
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
