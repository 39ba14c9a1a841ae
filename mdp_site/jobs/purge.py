"""The job that deletes expired sessions; run by django-q2's workers (`manage.py qcluster`). Idempotent."""

from importlib import import_module
from typing import Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Schedule

from marketdata.observability.logs import get_logger

PURGE_SCHEDULE: Final = "purge expired sessions"
PURGE_INTERVAL_MINUTES: Final = 60

_log = get_logger(__name__)


def purge_expired_sessions() -> int:
    """Delete sessions that have expired, and their rows in the list of sessions: how many there were."""
    expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    alive = Session.objects.values("session_key")
    # One by one: each tells the web processes, which close what the session had opened.
    for row in UserSession.objects.exclude(session_key__in=alive).iterator():
        row.delete()
    if expired:
        _log.info("expired sessions purged", count=expired)
    return expired


PURGE_JOB: Final = f"{__name__}.{purge_expired_sessions.__name__}"
"""The dotted name by which it is ordered."""


def register_schedules() -> None:
    """Enter the schedule where it is not there; one that operators have changed stays as it is."""
    Schedule.objects.get_or_create(
        name=PURGE_SCHEDULE,
        defaults={
            "func": PURGE_JOB,
            "schedule_type": Schedule.MINUTES,
            "minutes": PURGE_INTERVAL_MINUTES,
        },
    )
