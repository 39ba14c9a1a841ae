"""Which batches a subscription hands out, and what it counts of the others."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.clock import SystemClock
from marketdata.errors import ContentError
from marketdata.transport.accounting import Intake, is_expired
from marketdata.transport.queues import QueueLimits, QueueName
from tests.support.samples import sample
from tests.support.transports import batches

LIMITS = QueueLimits(ttl_ms=5_000)
SECOND_NS = 10**9


class FixedClock(SystemClock):
    """A clock that stands still."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def time_ns(self) -> int:
        return self._now_ns


def test_old_batches_are_refused_and_counted() -> None:
    fresh, old = batches(1), batches(2)
    clock = FixedClock(fresh[0].received_ns + 1_000_000)
    before = sample("mdp_transport_expired_batches_total", queue="trades")
    assert Intake(QueueLimits(ttl_ms=1_000), clock).admit(fresh[0])
    late = Intake(QueueLimits(ttl_ms=1_000), FixedClock(old[0].received_ns + 2_000_000_000))
    assert not late.admit(old[0])
    assert sample("mdp_transport_expired_batches_total", queue="trades") == before + 1


def test_lost_batches_are_counted_also_when_what_arrives_is_too_old() -> None:
    first, fifth = batches(1, 5)
    intake = Intake(QueueLimits(ttl_ms=1_000), FixedClock(first.received_ns + 2_000_000_000))
    names = ("mdp_transport_expired_batches_total", "mdp_transport_missing_batches_total")
    before = [sample(name, queue="trades") for name in names]
    assert not intake.admit(first)
    assert not intake.admit(fifth)
    expired, missing = (sample(name, queue="trades") - was for name, was in zip(names, before, strict=True))
    assert (expired, missing) == (2, 3)


def test_foreign_messages_are_counted_by_reason() -> None:
    intake = Intake(QueueLimits(), SystemClock())
    before = sample("mdp_transport_dropped_batches_total", queue="trades", reason="malformed_batch")
    intake.refuse(QueueName.TRADES, 0, ContentError("malformed_batch", "not ours"))
    assert (
        sample("mdp_transport_dropped_batches_total", queue="trades", reason="malformed_batch") == before + 1
    )


@pytest.mark.parametrize(
    ("age_ns", "expired"),
    [(0, False), (5 * SECOND_NS, False), (5 * SECOND_NS + 1, True), (-SECOND_NS, False)],
)
def test_a_batch_expires_after_the_limit_and_not_at_it(age_ns: int, expired: bool) -> None:
    (batch,) = batches(1)
    assert is_expired(batch, batch.received_ns + age_ns, LIMITS.ttl_ms) is expired


@pytest.mark.parametrize(
    ("arriving", "missing"),
    [
        ([1, 2, 3], 0),
        ([5, 6], 0),
        ([1, 5], 3),
        ([1, 3, 6], 3),
        ([4, 5, 4, 5, 6], 0),
        ([4, 5, 6, 4, 6, 7], 0),
    ],
    ids=["none", "begins late", "one hole", "two holes", "redelivery", "redelivery without one"],
)
def test_holes_in_the_numbers_are_losses(arriving: list[int], missing: int) -> None:
    intake = Intake(LIMITS, FixedClock(0))
    assert all(intake.admit(batch) for batch in batches(*arriving))
    assert intake.taken[QueueName.TRADES].missing == missing


def test_queues_and_sources_are_numbered_apart() -> None:
    intake = Intake(LIMITS, FixedClock(0))
    (trade,), (quote,) = batches(1), batches(5, queue=QueueName.QUOTES)
    other_source = msgspec.structs.replace(trade, source="listener-2", sequence=9)
    assert all(map(intake.admit, (trade, quote, other_source)))
    assert [taken.missing for taken in intake.taken.values()] == [0, 0]
    assert intake.taken[QueueName.TRADES].numbers == {trade.source: (1, 1), "listener-2": (9, 9)}


def test_a_shorter_life_applies_at_once_and_a_longer_one_is_that_of_the_queue() -> None:
    (batch,) = batches(1)
    life_ms = 1_000
    intake = Intake(LIMITS, FixedClock(batch.received_ns + 2 * SECOND_NS), lambda: life_ms)
    assert not intake.admit(batch)
    life_ms = 2_000
    assert intake.admit(batch)
    late = Intake(LIMITS, FixedClock(batch.received_ns + 6 * SECOND_NS), lambda: 10_000)
    assert not late.admit(batch)
    assert (intake.taken[batch.queue].expired, late.taken[batch.queue].expired) == (1, 1)


def test_what_has_expired_and_is_purged_counts_as_expired() -> None:
    (batch,) = batches(1)
    intake = Intake(LIMITS, FixedClock(batch.received_ns + 6 * SECOND_NS))
    intake.purge([batch.queue])
    assert not intake.admit(batch)
    assert (intake.taken[batch.queue].expired, intake.purged, intake.refused) == (1, 0, 1)


@given(
    arriving=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(1, 40), st.integers(0, 6), st.booleans()), max_size=60
    )
)
def test_the_books_of_a_queue_close_after_any_losses_redeliveries_restarts_and_purges(
    arriving: list[tuple[str, int, int, bool]],
) -> None:
    (pattern,) = batches(1)
    now_ns = pattern.received_ns + 6 * SECOND_NS
    intake = Intake(LIMITS, FixedClock(now_ns))
    is_purged = False
    for source, number, age_seconds, purges in arriving:
        if purges:
            intake.purge([pattern.queue])
            is_purged = True
        batch = msgspec.structs.replace(
            pattern, source=source, sequence=number, received_ns=now_ns - age_seconds * SECOND_NS
        )
        assert intake.admit(batch) is (age_seconds <= 5 and not is_purged)
    for taken in intake.taken.values():
        assert taken.unaccounted == 0
        assert taken.received + taken.expired + taken.purged == len(arriving)
        assert intake.refused == taken.expired + taken.purged
