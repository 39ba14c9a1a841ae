"""When batches that contradict the market's time prove it wrong, whatever the clocks of the machines say.

The clock of a listener's machine may differ from ours by any amount. So the age of a batch, our clock less
the listener's, says nothing by itself. Two things do not depend on the difference. Received times of one
listener have an order: what it received before a batch that agreed is merely late. And they go on as fast as
our clock while batches come through. Batches that waited and are read in one go were received seconds apart,
and are applied moments apart.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

DISPUTE_NS: Final = 2_000_000_000
"""For so long batches must contradict the market's time, by both clocks, until it is wrong."""

SLOWER_NS: Final = 1_000_000_000
"""A batch that waited so much longer than the first one of its dispute proves nothing: its queue lags.

It is less than `DISPUTE_NS`, so queues that lag by different times cannot make up a dispute."""

FASTER_NS: Final = 250_000_000
"""One that waited so much less shows that the first one had waited: the dispute begins with this one."""

PATIENCE_NS: Final = 10_000_000_000
"""After so long without a batch in step, one that is not begins the dispute anew: a clock was set."""

CLOCK_WAS_SET_NS: Final = 3_600_000_000_000
"""No queue lags by an hour. A listener whose received times go back by more has had its clock set.

Where it was set back by less, the market's time is wrong for no longer than its received times are behind."""

SOURCES_KEPT: Final = 16
"""Of how many listeners, those that agreed last, it is known what they had received then."""


class _Dispute(msgspec.Struct, frozen=True):
    """The batch that a dispute counts from: when it was received, and when applied, by different clocks."""

    received_ns: int
    applied_ns: int

    @property
    def lag_ns(self) -> int:
        """How long it waited, plus the difference of the clocks."""
        return self.applied_ns - self.received_ns


class ClockDispute:
    """Follows, for each listener, what agrees with the market's time and what contradicts it.

    Received times are epoch nanoseconds of the listener's machine. Our own instants are nanoseconds of a
    clock that is never set, from any beginning.
    """

    def __init__(self) -> None:
        self._agreed_ns: dict[str, int] = {}
        self._stored_ns = 0
        self._disputes: dict[str, _Dispute] = {}

    def resume(self, received_ns: int) -> None:
        """The market's time was stored, and what was received last before that made it.

        Until a listener has agreed here, its batches count from there: a queue that lagged when the state was
        stored still lags.
        """
        self._stored_ns = received_ns

    def agree(self, received_ns: Mapping[str, int]) -> None:
        """What some listeners received last agrees with the market's time. That ends all disputes."""
        self._disputes.clear()
        for source, newest_ns in received_ns.items():
            agreed_ns = self._agreed_ns.pop(source, newest_ns)
            was_set = newest_ns < agreed_ns - CLOCK_WAS_SET_NS
            self._agreed_ns[source] = newest_ns if was_set else max(newest_ns, agreed_ns)
        while len(self._agreed_ns) > SOURCES_KEPT:
            del self._agreed_ns[next(iter(self._agreed_ns))]

    def contradict(self, received_ns: Mapping[str, int], applied_ns: int) -> bool:
        """What some listeners received last contradicts it; whether that proves it wrong by now."""
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
