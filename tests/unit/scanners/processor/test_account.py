"""Every event that an owner received is accounted for, whatever the events are and whatever fails."""

from collections.abc import Sequence
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.runtime.books import Book, total
from marketdata.transport.base import Batch, Delivery
from marketdata.transport.queues import QueueName
from scanners.processor.market_time import Present
from scanners.processor.outcome import LEFT, EventAccount
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import aggregate_wire, batch, calendar_of, new_york_ms, trade_wire

DAY = "2026-11-23"
CALENDAR: Final = calendar_of(DAY)
NOON_MS = new_york_ms(DAY, "12:00:00")

EVENTS = st.sampled_from(
    [
        aggregate_wire("A", start_ms=NOON_MS),
        aggregate_wire("B", start_ms=NOON_MS, c=-1.0),
        aggregate_wire("C", start_ms=NOON_MS - 3 * 86_400_000),
        aggregate_wire("D", start_ms=NOON_MS + 3_600_000),
        trade_wire("E", timestamp_ms=NOON_MS),
        {"ev": "X", "sym": "F"},
        {"ev": "A", "sym": 17},
    ]
)
BATCHES = st.builds(
    lambda queue, wires, foreign: msgspec.structs.replace(
        batch(queue, wires, feed_time_ms=NOON_MS), format="foreign" if foreign else "massive"
    ),
    st.sampled_from([QueueName.AGGREGATE, QueueName.TRADES, QueueName.UNKNOWN]),
    st.lists(EVENTS, min_size=1, max_size=5),
    st.booleans(),
)


class Owner:
    """What an owner does with its deliveries, without queues and cache."""

    def __init__(self) -> None:
        self.account = EventAccount()
        self.received: list[Delivery] = []
        self._processor = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)

    def receive(self, arrived: Sequence[Batch]) -> None:
        """Batches arrive."""
        deliveries = [Delivery(each, None) for each in arrived]
        self.account.note_received(deliveries)
        self.received += deliveries

    def apply(self, count: int) -> None:
        """Some of them are applied."""
        group, self.received = self.received[:count], self.received[count:]
        present = Present(NOON_MS * 10**6, 1)
        self.account.note_outcome(self._processor.apply([each.batch for each in group], now=present))

    def lose_shard(self) -> None:
        """The rest goes to another owner."""
        self.account.note_left(self.received)
        self.received = []

    @property
    def book(self) -> Book:
        """The sum now."""
        return self.account.book(self.received)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.lists(BATCHES, max_size=3), st.integers(0, 3), st.none()), max_size=12))
def test_the_books_of_events_close_after_any_course(steps: Sequence[list[Batch] | int | None]) -> None:
    owner = Owner()
    for step in steps:
        if step is None:
            owner.lose_shard()
        elif isinstance(step, int):
            owner.apply(step)
        else:
            owner.receive(step)
        assert owner.book.unaccounted == 0, owner.book


def test_each_event_is_counted_under_its_reason() -> None:
    owner = Owner()
    wires = [aggregate_wire("A", start_ms=NOON_MS), aggregate_wire("B", start_ms=NOON_MS, c=-1.0)]
    owner.receive([batch(QueueName.AGGREGATE, wires, feed_time_ms=NOON_MS + 60_000)])
    owner.receive([batch(QueueName.UNKNOWN, [{"ev": "X"}])])
    owner.apply(2)
    owner.receive([batch(QueueName.UNKNOWN, [{"ev": "X"}, {"ev": "Y"}])])
    owner.lose_shard()
    assert (owner.book.received, owner.book.done, owner.book.waiting) == (5, 1, 0)
    assert owner.book.lost == {"set aside, invalid_field": 1, "set aside by the listener": 1, LEFT: 2}


def test_the_sum_of_several_shards_keeps_every_reason() -> None:
    one = Book(name="events", unit="events", received=5, done=3, lost={"a": 1, "b": 1})
    two = Book(name="events", unit="events", received=4, done=1, lost={"a": 2}, waiting=1)
    both = total([one, two])
    assert (both.received, both.done, both.waiting, both.lost) == (9, 4, 1, {"a": 3, "b": 1})
    assert both.closes


@pytest.mark.parametrize(("done", "tolerance", "closes"), [(7, 0, False), (10, 0, True), (7, 3, True)])
def test_a_book_closes_within_its_tolerance_only(done: int, tolerance: int, *, closes: bool) -> None:
    assert Book(name="e", unit="e", received=10, done=done, tolerance=tolerance).closes is closes
