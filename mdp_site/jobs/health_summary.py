"""The job that sums up the health of the installation: before each session of the market, and on demand.

Its text is the outcome of the job, beside its schedule, and a line in the log. Idempotent: it changes nothing
but its own next run, and the counts from which the next summary starts.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule, Task

from marketdata.control.document import InstallationDocument
from marketdata.control.health_summary import (
    DAY_MS,
    KEPT_MS,
    Counts,
    counts_of,
    read_counts,
    summarise,
    summary_text,
)
from marketdata.control.overview_reading import TWO_REPORTS_SECONDS
from marketdata.errors import ContentError, MarketDataError, StoreUnavailable
from marketdata.observability.logs import get_logger
from marketdata.runtime.identity import process_identity
from marketdata.scheduled_jobs import DAY_MINUTES, ScheduledJob
from marketdata.store.cached_values import CachedValues
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.units import MS_PER_SECOND, NS_PER_MS
from mdp_site.jobs.installation import installation_reader
from mdp_site.jobs.steering import jobs_settings
from mdp_site.jobs_settings import JobsSettings

KIND: Final = "health_summary"
NAME: Final = "counts"
COUNTS_SECONDS: Final = 8 * 24 * 3_600
"""How long the counts are kept: longer than the market is ever closed."""

DAYS_BEFORE: Final = 10
"""The calendar is read from so many days before: it needs a session before each time."""

_log = get_logger(__name__)


def summarise_health() -> str:
    """Make the summary, and order the next one. Returns its text.

    Raises:
        ContentError: the stored settings of the jobs are not accepted by this release.
    """
    _order_next(jobs_settings())
    document, before, caveat = asyncio.run(_read())
    until_ms = document.overview.read_at_ms or time.time_ns() // NS_PER_MS
    since_ms = until_ms - DAY_MS if before is None else before.at_ms
    summary = summarise(document, before, _failed_runs(since_ms))
    if caveat:
        summary = msgspec.structs.replace(summary, caveats=(*summary.caveats, caveat))
    _log.info(
        "health summary",
        verdict=summary.state,
        sentence=summary.sentence,
        starts=sum(summary.starts.values()),
        restarts_of_workers=summary.worker_restarts,
        lost=dict(summary.lost),
        failed_runs=dict(summary.failed_runs),
        late_jobs=list(summary.late_jobs),
        refused_logins=summary.refused_logins,
    )
    return summary_text(summary)


async def _read() -> tuple[InstallationDocument, Counts | None, str]:
    """What the processes report, the counts of the day before, and why these are not known.

    New counts are stored when those of the day before are old enough.
    """
    async with contextlib.aclosing(connect(settings.MDC_URL, retries=0)) as redis:
        keys = Keys(settings.MDC_KEY_PREFIX)
        reader = installation_reader(ProcessRecords(redis, keys))
        await reader.newest()
        await asyncio.sleep(TWO_REPORTS_SECONDS)
        document = await reader.newest()
        values = CachedValues(redis, keys, process_identity())
        try:
            before = await _counts_before(values)
            now = counts_of(document.overview)
            old_enough = before is None or now.at_ms - before.at_ms >= KEPT_MS
            if old_enough and document.overview.processes:  # what could not be read is no count
                await values.put(KIND, NAME, msgspec.json.encode(now), ttl_seconds=COUNTS_SECONDS)
        except StoreUnavailable as error:
            return document, None, f"counts are not known: {error}"
    return document, before, ""


async def _counts_before(values: CachedValues) -> Counts | None:
    stored = await values.get(KIND, NAME)
    if stored is None:
        return None
    try:
        return read_counts(stored)
    except ContentError as error:
        _log.warning("counts of the health summary unreadable", error=str(error))
        return None


def _failed_runs(since_ms: int) -> Mapping[str, int]:
    """How many runs of each job failed since an instant, by the name of its schedule."""
    since = dt.datetime.fromtimestamp(since_ms / MS_PER_SECOND, dt.UTC)
    names = dict(Schedule.objects.values_list("func", "name"))
    failed = Task.objects.filter(success=False, stopped__gte=since).values_list("func", flat=True)
    return Counter(names.get(func) or func for func in failed)


def _order_next(wanted: JobsSettings) -> None:
    """Set the next run by the calendar. Without a calendar it stays a day after this one."""
    try:
        calendar = exchange_calendar_around(time.time_ns(), settings.MARKET_HOURS, days_before=DAYS_BEFORE)
        due = next_summary(calendar, timezone.now(), dt.timedelta(minutes=wanted.summary_lead_minutes))
    except MarketDataError as error:
        _log.warning("next health summary not set by the calendar", error=str(error))
        return
    Schedule.objects.filter(func=SUMMARY.path).update(next_run=due)


def next_summary(calendar: TradingCalendar, now: dt.datetime, lead: dt.timedelta) -> dt.datetime:
    """The first instant after `now` that is so long before the market opens.

    Raises:
        CalendarRangeError: the calendar ends before it.
    """
    date = now.astimezone(calendar.time_zone).date() - dt.timedelta(days=1)
    while True:
        day = calendar.next_day(date)
        due = dt.datetime.fromtimestamp(day.regular_open_ms / MS_PER_SECOND, dt.UTC) - lead
        if due > now:
            return due
        date = day.date


SUMMARY: Final = ScheduledJob(
    function=summarise_health,
    title="sum up the health",
    minutes=DAY_MINUTES,
    shortest_minutes=60,
)
