"""What the listener reports about its wanted settings. One process holds the role and follows them."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from marketdata.control.effects import Effect, Report, RevisionOutcome
from marketdata.listener.wanted import (
    RECENT_SECONDS,
    BrokerState,
    ListenerActual,
    listener_books,
    read_actual,
)
from marketdata.providers.base import ProviderState
from marketdata.runtime.settings import values_of
from marketdata.store.service_records import ServiceRecords
from marketdata.units import MS_PER_SECOND

NO_LISTENER: Final = (
    "no listener reports its state: is `manage.py run_listener` running, and on the same cache?"
)


class ListenerFollowers:
    """The listener that holds the role. Implements `Followers`."""

    def __init__(self, records: ServiceRecords) -> None:
        self._records = records

    async def reports(self) -> Sequence[Report]:
        """The report of the listener, if it has reported in the last seconds."""
        actual = await self._actual()
        return [] if actual is None else [_report(actual)]

    async def effect(self, version: int) -> Effect:
        """What became of this version so far: it is applied when the connection is as it says."""
        return judge_listener(version, await self._actual())

    async def _actual(self) -> ListenerActual | None:
        reported = await self._records.actual()
        return None if reported is None else read_actual(reported)


def judge_listener(version: int, actual: ListenerActual | None) -> Effect:
    """What became of a version of the listener's settings, by the actual state."""
    if actual is None:
        return Effect(RevisionOutcome.PENDING, NO_LISTENER)
    if actual.refused_version == version:
        return Effect(RevisionOutcome.REFUSED, f"refused: {actual.refusal}")
    if actual.applied.version > version:
        return Effect(RevisionOutcome.OVERTAKEN, f"overtaken by version {actual.applied.version}")
    if actual.applied.version < version:
        return Effect(RevisionOutcome.PENDING, "the listener has not applied it yet")
    return _judge_by_state(version, actual)


def _judge_by_state(version: int, actual: ListenerActual) -> Effect:
    """What became of the version that the listener follows."""
    applied_by = (actual.source,)
    if actual.has_effect(version):
        return Effect(RevisionOutcome.APPLIED, str(actual.state), applied_by)
    if actual.applied.running and actual.state is ProviderState.MARKET_CLOSED:
        return Effect(RevisionOutcome.APPLIED, "applied; connects when the market opens", applied_by)
    if actual.applied.running and actual.state is ProviderState.REFUSED:
        return Effect(RevisionOutcome.REFUSED, f"refused by the provider: {actual.reason}: {actual.detail}")
    return Effect(RevisionOutcome.PENDING, _what_is_missing(actual))


def _what_is_missing(actual: ListenerActual) -> str:
    if actual.state is ProviderState.LIVE:
        unconfirmed = ", ".join(actual.unconfirmed)
        return f"live, but the provider has not confirmed {unconfirmed}" + (
            f" ({actual.detail})" if actual.detail else ""
        )
    return ": ".join(word for word in (actual.state, actual.reason, actual.detail) if word)


def _report(actual: ListenerActual) -> Report:
    return Report(
        source=actual.source,
        version=actual.applied.version,
        values=values_of(actual.applied),
        refused_version=actual.refused_version,
        refusal=actual.refusal,
        facts=tuple(_facts(actual)),
    )


def _facts(actual: ListenerActual) -> Iterator[str]:
    words = ": ".join(word for word in (actual.state, actual.reason, actual.detail) if word)
    since = f" since {_instant(actual.since_ms)}" if actual.since_ms else ""
    yield f"{words}{since}, connection {actual.session}"
    if actual.unconfirmed:
        yield f"not confirmed by the provider: {', '.join(actual.unconfirmed)}"
    if actual.broker is not BrokerState.OK:
        yield f"broker {actual.broker}"
    counters = actual.counters
    dropped = ", ".join(f"{count} {reason}" for reason, count in counters.events_dropped.items() if count)
    yield (
        f"events {counters.events_received} received, {counters.events_published} published, "
        f"{counters.events_in_flight} in flight, dropped: {dropped or 'none'}; "
        f"{actual.recent_events} in the last {RECENT_SECONDS:g} s"
    )
    for book in listener_books(counters):
        if not book.closes:
            yield f"the books of {book.name} do not close: {book.unaccounted:+,} {book.unit} unexplained"


def _instant(epoch_ms: int) -> str:
    return dt.datetime.fromtimestamp(epoch_ms / MS_PER_SECOND, dt.UTC).isoformat(timespec="seconds")
