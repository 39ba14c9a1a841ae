"""Decides when batches that contradict the market's time prove it wrong, even if the machines' clocks differ.

The clock of a listener's machine may differ from ours by any amount. So the age of a batch, our clock less
the listener's, proves nothing by itself. Two facts do not depend on the difference. First, the received
times of one listener have an order: a batch received before one that agreed is only late. Second, while
batches arrive without waiting, received times advance as fast as our clock. But batches that waited and are
read together were received seconds apart and are applied moments apart.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

DISPUTE_NS: Final = 2_000_000_000
"""How long batches must contradict the market's time, by both clocks, before it counts as wrong."""

SLOWER_NS: Final = 1_000_000_000
"""A batch that waited this much longer than the first batch of its dispute proves nothing: its queue lags.

It is less than `DISPUTE_NS`, so queues that lag by different times cannot make up a dispute."""

FASTER_NS: Final = 250_000_000
"""A batch that waited this much less shows that the first batch had waited. It begins the dispute again."""

PATIENCE_NS: Final = 10_000_000_000
"""After this long the next batch begins the dispute again if it lags much more: a clock was set."""

CLOCK_WAS_SET_NS: Final = 3_600_000_000_000
"""No queue lags by an hour. A listener whose received times go back by more has had its clock set.

If it was set back by less, the market's time stays wrong only until received times have caught up."""

SOURCES_KEPT: Final = 16
"""For how many listeners the newest received time is kept: those that agreed last."""


class _Dispute(msgspec.Struct, frozen=True):
    """The batch that began a dispute: when it was received and when it was applied, by different clocks."""

    received_ns: int
    applied_ns: int

    @property
    def lag_ns(self) -> int:
        """How long it waited, plus the difference between the clocks."""
        return self.applied_ns - self.received_ns


class ClockDispute:
    """Tracks for each listener whether its batches agree with the market's time or contradict it.

    Received times are epoch nanoseconds of the listener's machine. Our own instants are nanoseconds of a
    clock that is never set, from any beginning.
    """

    def __init__(self) -> None:
        self._agreed_ns: dict[str, int] = {}
        self._stored_ns = 0
        self._disputes: dict[str, _Dispute] = {}

    def resume(self, received_ns: int) -> None:
        """Continue from a stored market's time, which reflects batches received up to `received_ns`.

        Until a listener has agreed here, its batches are compared with that received time: a queue that
        lagged when the state was stored still lags.
        """
        self._stored_ns = received_ns

    def agree(self, received_ns: Mapping[str, int]) -> None:
        """Note listeners whose newest batches agree with the market's time. That ends all disputes."""
        self._disputes.clear()
        for source, newest_ns in received_ns.items():
            agreed_ns = self._agreed_ns.pop(source, newest_ns)
            was_set = newest_ns < agreed_ns - CLOCK_WAS_SET_NS
            self._agreed_ns[source] = newest_ns if was_set else max(newest_ns, agreed_ns)
        while len(self._agreed_ns) > SOURCES_KEPT:
            del self._agreed_ns[next(iter(self._agreed_ns))]

    def contradict(self, received_ns: Mapping[str, int], applied_ns: int) -> bool:
        """Note listeners whose newest batches contradict it. Returns whether it is now proved wrong."""
        proofs = [self._is_proof(source, newest_ns, applied_ns) for source, newest_ns in received_ns.items()]
        if any(proofs):
            self._disputes.clear()
            self._agreed_ns.clear()
            self._stored_ns = 0
        return any(proofs)

    def _is_proof(self, source: str, received_ns: int, applied_ns: int) -> bool:
        agreed_ns = self._agreed_ns.get(source, self._stored_ns)
        if agreed_ns - CLOCK_WAS_SET_NS <= received_ns <= agreed_ns:
            return False
        batch, first = _Dispute(received_ns, applied_ns), self._disputes.get(source)
        if first is None or received_ns < first.received_ns or batch.lag_ns < first.lag_ns - FASTER_NS:
            self._disputes[source] = batch
            return False
        if batch.lag_ns <= first.lag_ns + SLOWER_NS:
            return min(received_ns - first.received_ns, applied_ns - first.applied_ns) >= DISPUTE_NS
        if applied_ns - first.applied_ns >= PATIENCE_NS:
            self._disputes[source] = batch
        return False
