"""The job that deletes what grows without end, in parts. Idempotent, and safe to run twice at once.

What else grows gets a line in `GROWING`.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.models import Task

from marketdata.errors import MarketDataError
from marketdata.observability.driver_text import driver_text
from marketdata.scheduled_jobs import DAY_MINUTES, ScheduledJob
from mdp_site.accounts.models import ApiToken
from mdp_site.control_plane.actors import program_actor
from mdp_site.control_plane.retention import expired_actions, expired_revisions, forget_audit
from mdp_site.jobs.steering import jobs_settings
from mdp_site.jobs_settings import JobsSettings

PART_ROWS: Final = 1_000
"""So many rows are deleted by one transaction."""

KEPT_FAILURES: Final = 1_000
"""Of each job: one that fails every minute stores one every minute. django-q2 bounds successes itself."""


class RetentionFailed(MarketDataError):
    """Some of what is old could not be deleted; the message says what and why. The rest was."""


class Growing(NamedTuple):
    """Rows that grow. `delete` deletes at most so many of those that are old now, and says how many."""

    name: str
    delete: Callable[[JobsSettings, dt.datetime, int], int]


def delete_what_is_old() -> str:
    """Delete what is older than the settings say, in half of the time that a job has. Says what it deleted.

    Raises:
        RetentionFailed: the database refused some of it.
    """
    wanted, now = jobs_settings(), timezone.now()
    deadline = time.monotonic() + settings.JOBS_TIMEOUT_SECONDS / 2
    deleted: dict[str, int] = {}
    failures = []
    for each in GROWING:
        try:
            if count := _delete(each, wanted, now, deadline):
                deleted[each.name] = count
        except DatabaseError as error:
            failures.append(f"{each.name}: {driver_text(error)}")
    text = ", ".join(f"{count:,} {name}" for name, count in deleted.items())
    if failures:
        raise RetentionFailed("; ".join(failures) + (f"; deleted: {text}" if text else ""))
    if time.monotonic() >= deadline:
        return f"deleted: {text}; the rest follows in the next run"
    return f"deleted: {text}" if text else "nothing was old enough"


def _delete(each: Growing, wanted: JobsSettings, now: dt.datetime, deadline: float) -> int:
    """Delete part by part until there is no more, or no time."""
    total = 0
    while time.monotonic() < deadline:
        count = each.delete(wanted, now, PART_ROWS)
        total += count
        if count < PART_ROWS:
            break
    return total


def _delete_rows(rows: QuerySet[Any], most: int) -> int:
    """Delete at most so many rows. Those that another process has deleted do not count."""
    chosen = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
    counts = rows.model.objects.filter(pk__in=chosen).delete()[1]
    return int(counts.get(rows.model._meta.label, 0))  # noqa: SLF001 - Django's documented API


def _audit(wanted: JobsSettings, now: dt.datetime, most: int) -> int:
    return forget_audit(_before(now, wanted.keep_audit_days), most=most, actor=program_actor())


def _admin_log(wanted: JobsSettings, now: dt.datetime, most: int) -> int:
    return _delete_rows(LogEntry.objects.filter(action_time__lt=_before(now, wanted.keep_audit_days)), most)


def _revisions(wanted: JobsSettings, now: dt.datetime, most: int) -> int:
    return _delete_rows(expired_revisions(_before(now, wanted.keep_revisions_days)), most)


def _actions(wanted: JobsSettings, now: dt.datetime, most: int) -> int:
    return _delete_rows(expired_actions(_before(now, wanted.keep_actions_days)), most)


def _tokens(wanted: JobsSettings, now: dt.datetime, most: int) -> int:
    before = _before(now, wanted.keep_ended_tokens_days)
    return _delete_rows(ApiToken.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before)), most)


def _finished_jobs(wanted: JobsSettings, now: dt.datetime, most: int) -> int:
    """Those that are old, and failures beyond the newest thousand of a job. The newest run always stays."""
    runs, too_many, newest = Task.objects.order_by("-stopped"), Q(pk__in=()), []
    for job in Task.objects.order_by().values_list("func", flat=True).distinct():
        newest += runs.filter(func=job).values_list("pk", flat=True)[:1]
        failures = runs.filter(func=job, success=False).values_list("stopped", flat=True)
        if surplus := failures[KEPT_FAILURES : KEPT_FAILURES + 1]:
            too_many |= Q(func=job, success=False, stopped__lte=surplus[0])
    old = Q(stopped__lt=_before(now, wanted.keep_finished_jobs_days))
    return _delete_rows(Task.objects.filter(old | too_many).exclude(pk__in=newest), most)


def _before(now: dt.datetime, days: int) -> dt.datetime:
    return now - dt.timedelta(days=days)


GROWING: Final = (
    Growing("entries of the audit", _audit),
    Growing("entries of the admin's log", _admin_log),
    Growing("revisions of settings", _revisions),  # after the audit, which names revisions
    Growing("actions", _actions),
    Growing("finished jobs", _finished_jobs),
    Growing("ended API tokens", _tokens),
)
"""Everything that grows, besides sessions (`purge`)."""

RETENTION: Final = ScheduledJob(
    function=delete_what_is_old,
    title="delete what is old",
    minutes=DAY_MINUTES,
    shortest_minutes=10,
)
