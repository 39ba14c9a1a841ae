"""The books of the queues close after any course of losses, redeliveries, take-overs and restarts."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from marketdata.clock import SystemClock
from marketdata.control.queue_books import queue_views
from marketdata.runtime.report import (
    ListenerStatus,
    ProcessReport,
    QueueNumbers,
    ServiceStatus,
    ShardStatus,
)
from marketdata.transport.accounting import Intake
from marketdata.transport.base import Batch, Delivery
from marketdata.transport.queues import QueueLimits, QueueName
from scanners.processor.outcome import queue_intakes
from tests.support.installation import NOW_MS, SOURCE, process
from tests.support.transports import batches

FRESH_NS = NOW_MS * 10**6


class Clock(SystemClock):
    """Stands still, until something is purged."""

    def __init__(self) -> None:
        self.now_ns = FRESH_NS

    def time_ns(self) -> int:
        return self.now_ns


class Course:
    """A listener, a queue that loses batches, and the owners of its shard, one after the other."""

    def __init__(self) -> None:
        (self.pattern,) = batches(1)
        self.clock = Clock()
        self.numbered = self.dropped = 0
        self.queue: list[Batch] = []
        self.held: list[Batch] = []
        self.begin_ownership()

    def begin_ownership(self) -> None:
        """A new owner: what the one before did not acknowledge comes again, first."""
        self.intake = Intake(QueueLimits(ttl_ms=5_000), self.clock)
        self.queue = [*self.held, *self.queue]
        self.held = []
        self.pid = getattr(self, "pid", 100) + 1

    def do(self, step: str) -> None:
        """One step of the course."""
        match step:
            case "publish" | "publish old" | "drop":
                self.numbered += 1
                received_ns = self.clock.now_ns - (6 * 10**9 if step == "publish old" else 0)
                batch = msgspec.structs.replace(
                    self.pattern, source=SOURCE, sequence=self.numbered, received_ns=received_ns
                )
                if step == "drop":
                    self.dropped += 1
                else:
                    self.queue.append(batch)
            case "lose":  # the broker drops the oldest
                self.queue = self.queue[1:]
            case "receive":
                arrived, self.queue = self.queue[:2], self.queue[2:]
                self.held += [batch for batch in arrived if self.intake.admit(batch)]
            case "purge":  # what waits arrives, and is dropped
                self.intake.purge([self.pattern.queue])
                self.queue = [batch for batch in self.queue if self.intake.admit(batch)]
                self.clock.now_ns += 1
            case "acknowledge":
                self.held = []
            case _:
                self.begin_ownership()

    def reports(self) -> list[ProcessReport]:
        """The reports of the listener and of the present owner."""
        listener = ListenerStatus(
            source=SOURCE,
            numbers=(QueueNumbers(queue="trades", shard=0, numbered=self.numbered),),
            dropped={"trades": self.dropped},
        )
        held = [Delivery(batch, None) for batch in self.held]
        shard = ShardStatus(
            shard=0, owned_since_ms=NOW_MS, queues=queue_intakes(self.intake.taken, held), taken=1
        )
        return [
            process("listener", 1, ServiceStatus(listener=listener)),
            process("processor", self.pid, ServiceStatus(shards=(shard,))),
        ]


STEPS = ("publish", "publish old", "drop", "lose", "receive", "purge", "acknowledge", "take over")


@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_the_books_of_a_queue_close_at_any_moment(steps: list[str]) -> None:
    course = Course()
    for step in steps:
        course.do(step)
        reports = course.reports()
        for view in queue_views(reports, {each.identity for each in reports}, {}, ages_ms={}):
            assert view.book.unaccounted == 0, view.book
            assert view.book.waiting >= len(course.queue) * bool(view.book.received)


def test_losses_are_told_apart() -> None:
    course = Course()
    for step in ("publish", "receive", "acknowledge", "drop", "publish", "lose", "publish old", "receive"):
        course.do(step)
    course.do("publish")
    course.do("publish")
    reports = course.reports()
    (view,) = queue_views(reports, {each.identity for each in reports}, {}, ages_ms={})
    assert view.queue == QueueName.TRADES
    assert view.book.lost == {"expired": 1, "never published": 1, "missing": 1}
    assert (view.book.received, view.book.done, view.book.waiting) == (6, 1, 2)


def test_what_was_purged_is_a_loss_of_its_own_and_no_hole() -> None:
    course = Course()
    for step in ("publish", "receive", "acknowledge", "publish", "publish", "publish old", "purge"):
        course.do(step)
    reports = course.reports()
    (view,) = queue_views(reports, {each.identity for each in reports}, {}, ages_ms={})
    assert view.book.lost == {"expired": 1, "purged": 2}
    assert (view.book.received, view.book.done, view.book.waiting) == (4, 1, 0)


def test_the_age_is_that_of_the_oldest_batch_that_is_held_or_at_most_waits() -> None:
    course = Course()
    course.do("publish")
    course.do("receive")
    held = course.reports()
    (view,) = queue_views(held, {each.identity for each in held}, {}, ages_ms={})
    assert view.oldest_age_ms == 0
    course.do("acknowledge")
    idle = course.reports()
    (view,) = queue_views(idle, {each.identity for each in idle}, {}, ages_ms={})
    assert view.oldest_age_ms is None


def test_without_an_owner_the_last_one_tells_how_old_what_waits_is() -> None:
    course = Course()
    for step in ("publish", "receive", "acknowledge", "publish", "publish"):
        course.do(step)
    listener, owner = course.reports()
    gone = msgspec.structs.replace(owner, reported_at_ms=NOW_MS)
    (view,) = queue_views([listener, gone], {listener.identity}, {}, ages_ms={gone.identity: 4_000})
    assert view.book.waiting == 2
    assert view.book.closes
    assert view.oldest_age_ms == 4_000
