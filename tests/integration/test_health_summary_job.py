"""The job that sums up the health: its text, its next run by the calendar, and its counts in the cache."""

import asyncio
import contextlib
import datetime as dt
import os
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import Schedule, Task
from pytest_django import Settings

from marketdata.control.health_summary import KEPT_MS, read_counts
from marketdata.runtime.report import encode_report
from marketdata.store.cached_values import CachedValues
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.units import NS_PER_MS
from mdp_site.jobs.health_summary import KIND, NAME, SUMMARY, next_summary, summarise_health
from tests.support.installation import book, healthy_processes, replaced, with_status

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]  # schedules are read in a thread


@pytest.fixture(autouse=True)
def installation(redis_url: str, unique_prefix: str, settings: Settings) -> None:
    settings.MDC_URL = redis_url
    settings.MDC_KEY_PREFIX = f"{unique_prefix}:"
    Schedule.objects.update(next_run=timezone.now() + dt.timedelta(hours=1))


async def _report(redis_url: str, prefix: str, lost: int) -> None:
    async with contextlib.aclosing(connect(redis_url)) as redis:
        records = ProcessRecords(redis, Keys(prefix))
        now_ms = round(timezone.now().timestamp() * 1_000)
        for report in healthy_processes().values():
            fresh = replaced(
                with_status(
                    report,
                    books=(book("web frames", done=900, lost={"conflated": 100}),),
                    refused_logins=lost,
                ),
                started_at_ms=now_ms - 60_000,
                reported_at_ms=now_ms,
                progress_at_ms=now_ms,
                facts={},
            )
            await records.report(report.identity, encode_report(fresh), facts={})


def report(settings: Settings, *, lost: int) -> None:
    """Let five processes report that each refused so many logins."""
    asyncio.run(_report(settings.MDC_URL, settings.MDC_KEY_PREFIX, lost))


async def _stored(settings: Settings, put: bytes | None) -> bytes | None:
    async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
        values = CachedValues(redis, Keys(settings.MDC_KEY_PREFIX), "test")
        if put is not None:
            await values.put(KIND, NAME, put, ttl_seconds=60)
        return await values.get(KIND, NAME)


def stored(settings: Settings, put: bytes | None = None) -> Any:
    """The counts in the cache, after those were put there."""
    found = asyncio.run(_stored(settings, put))
    return None if found is None else read_counts(found)


def test_a_run_says_the_verdict_and_the_counts_and_one_on_demand_does_not_shorten_the_day(
    settings: Settings,
) -> None:
    now = timezone.now()
    Task.objects.create(
        id=os.urandom(16).hex(),
        name="a run",
        func="marketdata.jobs.refresh_reference_data",
        started=now,
        stopped=now,
        success=False,
        result="no luck",
    )
    report(settings, lost=2)
    text = summarise_health()
    assert "5 starts, 0 lost, 1 failed and 0 late jobs, 10 refused logins" in text.splitlines()[0]
    assert "failed runs: refresh reference data 1" in text
    first = stored(settings)

    report(settings, lost=3)
    assert "5 refused logins" in summarise_health().splitlines()[0]
    assert stored(settings) == first, "the counts of the day before stay"

    encoded = b'{"at_ms": %d, "by_process": {}}' % (first.at_ms - KEPT_MS)
    stored(settings, put=encoded)
    assert "15 refused logins" in summarise_health().splitlines()[0]
    assert stored(settings).at_ms > first.at_ms, "a day later, new ones are kept"


def test_counts_that_another_program_wrote_are_replaced(settings: Settings) -> None:
    report(settings, lost=0)
    asyncio.run(_stored(settings, b"not counts"))
    assert "counted from" in summarise_health()
    assert stored(settings) is not None


def test_the_next_run_is_before_the_next_session_and_not_a_day_later(settings: Settings) -> None:
    summarise_health()
    due = Schedule.objects.get(func=SUMMARY.path).next_run
    assert due is not None
    calendar = exchange_calendar_around(round(due.timestamp() * 1_000) * NS_PER_MS, days_before=10)
    opening = due + dt.timedelta(minutes=60)
    assert calendar.day(opening.date()).regular_open_ms == round(opening.timestamp() * 1_000)
    assert Schedule.objects.exclude(func=SUMMARY.path).filter(next_run=due).count() == 0


def test_while_the_cache_is_away_the_summary_says_so_and_the_next_run_is_ordered(settings: Settings) -> None:
    settings.MDC_URL = "unix:///nowhere?db=0"
    text = summarise_health()
    assert text.startswith("unknown; ")
    assert "note: counts are not known" in text
    assert Schedule.objects.get(func=SUMMARY.path).next_run > timezone.now()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-27T10:00+00:00", "2026-11-27T13:30+00:00"),
        ("2026-11-27T13:30+00:00", "2026-11-30T13:30+00:00"),
        ("2026-11-25T20:00+00:00", "2026-11-27T13:30+00:00"),
        ("2026-03-07T20:00+00:00", "2026-03-09T12:30+00:00"),
        ("2026-12-31T23:30+00:00", "2027-01-04T13:30+00:00"),
    ],
    ids=["this morning", "over a weekend", "over a holiday", "summer time begins", "over new year"],
)
def test_the_summary_comes_an_hour_before_the_market_opens(now: str, due: str) -> None:
    instant = dt.datetime.fromisoformat(now)
    calendar = exchange_calendar_around(round(instant.timestamp()) * 10**9, days_before=10)
    assert next_summary(calendar, instant, dt.timedelta(hours=1)) == dt.datetime.fromisoformat(due)
