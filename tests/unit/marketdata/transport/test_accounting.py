"""Which batches a subscription hands out, and what it counts of the others."""

from marketdata.clock import SystemClock
from marketdata.errors import ContentError
from marketdata.transport.accounting import Intake
from marketdata.transport.queues import QueueLimits, QueueName
from tests.support.samples import sample
from tests.support.transports import batches


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
