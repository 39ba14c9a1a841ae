"""Builds the report of the listener: the state of feed and broker, and the counts, in one record."""

from collections import deque

from marketdata.clock import Clock
from marketdata.listener.batches import Ledger, Publishing
from marketdata.listener.wanted import RECENT_SECONDS, ListenerActual, ListenerWanted
from marketdata.providers.base import Provider, ProviderState
from marketdata.units import NS_PER_MS


class Reporter:
    """Builds each report, and keeps what it needs from the reports before."""

    def __init__(
        self, provider: Provider, ledger: Ledger, publishing: Publishing, *, source: str, clock: Clock
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._publishing = publishing
        self._source = source
        self._clock = clock
        self._entered: tuple[ProviderState, str] | None = None
        self._since_ms = 0
        self._newest_received_ns = 0
        self._received: deque[tuple[float, int]] = deque()

    def actual(self, applied: ListenerWanted, *, refused_version: int, refusal: str) -> ListenerActual:
        """The actual state at this moment."""
        status, connection = self._provider.status, self._provider.connection
        now_ms = self._clock.time_ns() // NS_PER_MS
        if (status.state, status.reason) != self._entered:
            self._entered, self._since_ms = (status.state, status.reason), now_ms
        self._newest_received_ns = max(self._newest_received_ns, connection.newest_received_ns)
        counters = self._ledger.counters(self._provider.counts)
        asked_for = applied.subscriptions if applied.running else ()
        return ListenerActual(
            source=self._source,
            reported_at_ms=now_ms,
            applied=applied,
            state=status.state,
            reason=status.reason,
            detail=status.detail or connection.complaint,
            session=connection.number,
            live_since_ms=connection.live_since_ns // NS_PER_MS,
            unconfirmed=sorted(set(asked_for) ^ set(connection.confirmed)) if asked_for else (),
            counters=counters,
            since_ms=self._since_ms,
            broker=self._publishing.broker,
            newest_received_ms=self._newest_received_ns // NS_PER_MS,
            recent_events=self._recent(counters.events_received),
            outlook=self._provider.outlook,
            refused_version=refused_version,
            refusal=refusal,
        )

    def _recent(self, events_received: int) -> int:
        """How many of the events arrived in the last `RECENT_SECONDS`."""
        now = self._clock.monotonic()
        self._received.append((now, events_received))
        while self._received[0][0] < now - RECENT_SECONDS:
            self._received.popleft()
        return events_received - self._received[0][1]
