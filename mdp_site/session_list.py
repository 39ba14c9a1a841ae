"""The list of sessions: what people and operators see of who is logged in, and by which they end it."""

from typing import Final

from allauth.usersessions.models import UserSession
from django.http import HttpRequest

LISTED_KEY: Final = "listed_as"


def list_session(request: HttpRequest) -> None:
    """Enter the session of this request, once for each key that it has had."""
    key = request.session.session_key
    if key is None or request.session.get(LISTED_KEY) == key:
        return
    UserSession.objects.create_from_request(request)
    request.session[LISTED_KEY] = request.session.session_key
