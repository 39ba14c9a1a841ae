"""Status records of a listener with defaults: a test names only the fields that matter to it."""

from typing import Any

from marketdata.listener.wanted import ListenerActual, ListenerCounters, ListenerWanted
from marketdata.providers.base import ProviderState

COUNTERS = ListenerCounters(
    frames_received=0,
    frames_routed=0,
    frames_dropped=0,
    frames_waiting=0,
    events_received=0,
    events_published=0,
    events_in_flight=0,
    events_dropped={},
)


def record(
    state: ProviderState = ProviderState.LIVE,
    reason: str = "",
    *,
    running: bool = True,
    detail: str = "",
    **others: Any,
) -> ListenerActual:
    """A record of a listener on the stocks feed. By default the listener is live and has no failure."""
    return ListenerActual(
        source="test",
        reported_at_ms=1,
        applied=ListenerWanted(running=running, feed="RealTime", market="stocks", subscriptions=("T.*",)),
        state=state,
        reason=reason,
        detail=detail,
        session=1,
        live_since_ms=1,
        unconfirmed=(),
        counters=COUNTERS,
        **others,
    )
