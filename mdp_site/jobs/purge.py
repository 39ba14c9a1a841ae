"""The job that deletes expired sessions. django-q2's workers run it (`manage.py qcluster`). Idempotent."""

from importlib import import_module
from typing import Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from marketdata.scheduled_jobs import ScheduledJob


def purge_expired_sessions() -> str:
    """Delete expired sessions and their rows in the list of sessions. Says how many sessions."""
    expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    alive = Session.objects.values("session_key")
    # One by one: each deletion sends a signal, which closes the WebSockets of the session.
    for row in UserSession.objects.exclude(session_key__in=alive).iterator():
        row.delete()
    return f"{expired} expired sessions deleted"


PURGE: Final = ScheduledJob(
    function=purge_expired_sessions,
    title="purge expired sessions",
    minutes=60,
    shortest_minutes=5,
)
