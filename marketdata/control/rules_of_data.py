"""The rules of the verdict about the way of the data: feed, broker, queues, shards, clients. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from marketdata.control.findings import Finding, Severity, listed
from marketdata.control.queue_books import PURGED
from marketdata.control.views import Overview, ShardView
from marketdata.listener.wanted import BrokerState, ListenerActual
from marketdata.providers.base import ProviderState
from marketdata.trading_calendar import MarketSession

QUEUE_AGE_MS: Final = 1_000
TICK_AGE_MS: Final = 5_000
FEED_AWAY_MS: Final = 10_000
FEED_SILENT_MS: Final = 15_000
STARTING_MS: Final = 5_000
"""A process that began so lately has not connected yet, which says nothing about the broker."""

OWNER_GRACE_MS: Final = 10_000
"""A shard may have no owner for so long after its processor started: reference data is read first."""

HARMLESS_DATA_STATES: Final = frozenset({"live", "quiet", "market_closed", "not known yet"})
"""Of docs/protocol.md, and the state of a web process that has just started."""


def broker_unusable(overview: Overview) -> Iterator[Finding]:
    """The broker of the queues is away, or takes no batches."""
    seen = [
        (view, part, reason)
        for view in overview.running
        for part, reason in view.report.unready.items()
        if part in {"broker", "queues"} and overview.read_at_ms - view.since_ms > STARTING_MS
    ]
    blocked = overview.feed is not None and overview.feed.broker is BrokerState.BLOCKED
    if not seen and not blocked:
        return
    since_ms = min((reason.since_ms - view.clock_offset_ms for view, _, reason in seen), default=0)
    why = seen[0][2].text if seen else "it has no memory or no disk left"
    names = listed([view.report.name for view, _, _ in seen])
    yield Finding(
        rule="broker blocked" if blocked else "broker away",
        severity=Severity.DOWN,
        what=f"the broker of the queues {'takes no batches' if blocked else 'is away'}: {why}"
        + (f" (seen by {names})" if names else ""),
        advice="Free memory or disk of the broker; batches expire meanwhile."
        if blocked
        else "Start it, or correct MDQ_URL. Batches expire meanwhile, and processes go on by themselves.",
        since_ms=since_ms,
    )


def feed_unusable(overview: Overview) -> Iterator[Finding]:
    """The provider's feed is refused, away or silent, although the market is open."""
    feed = overview.feed
    if feed is None or not any(view.report.service == "listener" for view in overview.running):
        return
    if not feed.applied.running or feed.state is ProviderState.STOPPED:
        yield Finding(
            rule="feed stopped",
            severity=Severity.DEGRADED,
            what="the feed is stopped, as operators want",
            advice="Start it with manage.py control listener start.",
            since_ms=feed.since_ms,
        )
    elif feed.state is ProviderState.REFUSED:
        yield Finding(
            rule="feed refused",
            severity=Severity.DOWN,
            what=f"the provider refuses the feed: {_why(feed)}",
            advice="Correct the key, the plan or the subscriptions. It tries again by itself.",
            since_ms=feed.since_ms,
        )
    elif feed.state in {ProviderState.CONNECTING, ProviderState.WAITING}:
        if feed.reported_at_ms - feed.since_ms > FEED_AWAY_MS or feed.state is ProviderState.WAITING:
            yield Finding(
                rule="feed away",
                severity=Severity.DOWN,
                what=f"the feed is away ({feed.state}): {_why(feed) or 'no reason is known'}",
                advice="It connects again by itself. Check the provider's status page and the network.",
                since_ms=feed.since_ms,
            )
    elif feed.state is ProviderState.LIVE:
        yield from _silence(feed)
        if feed.unconfirmed and feed.reported_at_ms - feed.live_since_ms > FEED_AWAY_MS:
            yield Finding(
                rule="subscriptions unconfirmed",
                severity=Severity.DEGRADED,
                what=f"the provider has not confirmed {listed(list(feed.unconfirmed))}",
                advice="Check that the plan includes them.",
                since_ms=feed.live_since_ms,
            )


def _silence(feed: ListenerActual) -> Iterator[Finding]:
    """A connected feed that brings nothing. Outside the regular session that is nothing to report."""
    expected = feed.outlook.session is MarketSession.REGULAR and feed.outlook.is_busy
    newest_ms = max(feed.newest_received_ms, feed.live_since_ms)
    if expected and not feed.recent_events and feed.reported_at_ms - newest_ms > FEED_SILENT_MS:
        yield Finding(
            rule="feed silent",
            severity=Severity.DOWN,
            what="the feed is connected and silent, although the market is open",
            advice="Ask for a new connection: manage.py control listener restart.",
            since_ms=newest_ms,
        )


def _why(feed: ListenerActual) -> str:
    return ": ".join(dict.fromkeys(word for word in (feed.reason, feed.detail) if word))


def shard_unowned(overview: Overview) -> Iterator[Finding]:
    """No process owns a shard, or two believe that they do."""
    workers = [
        view for view in overview.running if view.report.service == "processor" and view.report.status.shards
    ]
    settled = [view for view in workers if overview.read_at_ms - view.since_ms > OWNER_GRACE_MS]
    unowned = [shard for shard in overview.shards if not shard.owners]
    broker_is_away = any("queues" in view.report.unready for view in workers)
    if settled and unowned and not broker_is_away and not overview.is_paused("processor"):
        names = listed([str(shard.shard) for shard in unowned])
        yield Finding(
            rule="shard without owner",
            severity=Severity.DOWN,
            what=f"no process owns shard {names}",
            advice="A processor takes it within 5 s. If none does, see the processors' logs and --shards.",
            since_ms=_newest_tick_ms(overview, unowned),
        )
    for shard in overview.shards:
        if len(shard.owners) > 1:
            yield Finding(
                rule="two owners",
                severity=Severity.DEGRADED,
                what=f"shard {shard.shard} has {len(shard.owners)} owners: {listed(list(shard.owners))}",
                advice="One of them learns within a second that it lost the shard.",
                since_ms=shard.owned_since_ms,
            )


def _newest_tick_ms(overview: Overview, shards: Iterable[ShardView]) -> int:
    """When the newest of these shards published last; 0 if none ever did."""
    ages_ms = [shard.tick_age_ms for shard in shards if shard.tick_age_ms is not None]
    return overview.read_at_ms - min(ages_ms) if ages_ms else 0


def ticks_old(overview: Overview) -> Iterator[Finding]:
    """An owned shard publishes nothing."""
    for shard in overview.shards:
        if shard.owners and (shard.tick_age_ms is None or shard.tick_age_ms > TICK_AGE_MS):
            if overview.read_at_ms - shard.owned_since_ms <= TICK_AGE_MS:
                continue
            age_ms = shard.tick_age_ms
            yield Finding(
                rule="ticks old",
                severity=Severity.DOWN,
                what=f"shard {shard.shard} publishes nothing, although {shard.owners[0]} owns it",
                advice="If the cache works, restart that process.",
                since_ms=0 if age_ms is None else overview.read_at_ms - age_ms,
            )


def batches_lost(overview: Overview) -> Iterator[Finding]:
    """Batches expire or never arrive, now. An operator who purges a queue knows of it."""
    for queue in overview.queues:
        lost = {
            reason: rate for reason, rate in queue.lost_per_second.items() if rate > 0 and reason != PURGED
        }
        if lost:
            words = " and ".join(f"{rate:,.1f} a second {reason}" for reason, rate in lost.items())
            yield Finding(
                rule="batches lost",
                severity=Severity.DEGRADED,
                what=f"queue {queue.queue} loses batches: {words}",
                advice="The processors are too slow or not there: add workers or shards.",
            )
    for stage in overview.stages:
        lost = {
            reason: rate
            for reason, rate in stage.lost_per_second.items()
            if stage.book.name.startswith("listener") and rate > 0
        }
        if lost:
            words = " and ".join(f"{rate:,.1f} a second: {reason}" for reason, rate in lost.items())
            yield Finding(
                rule="events lost",
                severity=Severity.DEGRADED,
                what=f"the listener drops {stage.book.unit}: {words}",
                advice="The broker or the processor time of the listener is the bottleneck.",
            )


def queue_waits(overview: Overview) -> Iterator[Finding]:
    """The oldest batch of a queue is too old."""
    for queue in overview.queues:
        if queue.oldest_age_ms is not None and queue.oldest_age_ms > QUEUE_AGE_MS and queue.book.waiting:
            yield Finding(
                rule="queue waits",
                severity=Severity.DEGRADED,
                what=f"the oldest batch of queue {queue.queue} is up to {queue.oldest_age_ms / 1_000:.1f} s "
                f"old; up to {queue.book.waiting} wait",
                advice="Batches expire (MARKET_DATA_MESSAGE_TTL). Add workers, or find what holds them up.",
                since_ms=overview.read_at_ms - queue.oldest_age_ms,
            )


def broken_books(overview: Overview) -> Iterator[Finding]:
    """A sum does not close: something is lost or counted twice, and no count says what."""
    for view in overview.running:
        for book in view.report.status.books:
            if not book.closes:
                since_ms = view.report.broken_since_ms.get(book.name, 0)
                yield Finding(
                    rule="books open",
                    severity=Severity.DEGRADED,
                    what=f"the books of {book.name} in {view.report.name} do not close: "
                    f"{book.unaccounted:+,} {book.unit} unexplained",
                    advice="This is a defect of the platform: report it with the output of status --json.",
                    since_ms=since_ms - view.clock_offset_ms if since_ms else 0,
                )
    for queue in overview.queues:
        if not queue.book.closes:
            yield Finding(
                rule="books open",
                severity=Severity.DEGRADED,
                what=f"the books of queue {queue.queue} do not close: {queue.book.unaccounted:+,} batches",
                advice="This is a defect of the platform: report it with the output of status --json.",
            )


def data_old_at_clients(overview: Overview) -> Iterator[Finding]:
    """Web processes show data that is old."""
    clients = overview.clients
    if clients is None:
        return
    old = {state: count for state, count in clients.data_states.items() if state not in HARMLESS_DATA_STATES}
    if old:
        states = listed([state.replace("_", " ") for state in old])
        detail = f": {clients.data_detail}" if clients.data_detail else ""
        yield Finding(
            rule="data old",
            severity=Severity.DEGRADED,
            what=f"clients are shown data that is {states}{detail}".rstrip("."),
            advice="The findings above say why; without any, restart the web process.",
            since_ms=min((clients.data_since_ms.get(state, 0) for state in old), default=0),
        )


def reference_missing(overview: Overview) -> Iterator[Finding]:
    """There is no reference data, or parts of it are missing."""
    reference = overview.reference
    if reference is None or "cache" in overview.unread:
        return
    if not reference.date:
        why = f"; the newest load failed: {reference.load_error}" if reference.load_error else ""
        yield Finding(
            rule="reference data missing",
            severity=Severity.DEGRADED,
            what=f"there is no reference data{why}",
            advice="Load it: manage.py load_reference. Changes against the previous close are missing.",
        )
    elif reference.missing:
        yield Finding(
            rule="reference data incomplete",
            severity=Severity.DEGRADED,
            what=f"reference data is incomplete: {listed(list(reference.missing), 2)}",
            advice="The job loads it again within the hour, unless the plan does not include it.",
            since_ms=reference.loaded_ms,
        )


def reference_old(overview: Overview) -> Iterator[Finding]:
    """The market is on a later day than the reference data."""
    reference = overview.reference
    if reference is None or not reference.date or not overview.trading_date:
        return
    if reference.date < overview.trading_date:
        yield Finding(
            rule="reference data old",
            severity=Severity.DEGRADED,
            what=f"reference data is of {reference.date}, and the market of {overview.trading_date}"
            + (f"; the newest load failed: {reference.load_error}" if reference.load_error else ""),
            advice="Load it: manage.py load_reference. Check the jobs process.",
            since_ms=reference.loaded_ms,
        )
