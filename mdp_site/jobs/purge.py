"""The job that deletes expired sessions. django-q2's workers run it (`manage.py qcluster`). Idempotent."""

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
    """Delete expired sessions and their rows in the list of sessions. Returns the number of sessions."""
    expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    alive = Session.objects.values("session_key")
    # One by one: each deletion sends a signal, which closes the WebSockets of the session.
    for row in UserSession.objects.exclude(session_key__in=alive).iterator():
        row.delete()
    if expired:
        _log.info("expired sessions purged", count=expired)
    return expired


PURGE_JOB: Final = f"{__name__}.{purge_expired_sessions.__name__}"
"""The dotted name of the job."""


def register_schedules() -> None:
    """Create the schedule if it does not exist. A schedule that operators changed is not changed back."""
    Schedule.objects.get_or_create(
        name=PURGE_SCHEDULE,
        defaults={
            "func": PURGE_JOB,
            "schedule_type": Schedule.MINUTES,
            "minutes": PURGE_INTERVAL_MINUTES,
        },
    )
