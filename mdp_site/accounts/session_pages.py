"""The page on which users end their other sessions, and the tokens with which pages open their WebSockets."""

from typing import Any, cast

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from mdp_site.accounts.guards import requires
from mdp_site.accounts.journal import note_session_ended
from mdp_site.accounts.page_tokens import LIFETIME_SECONDS, SUBPROTOCOL_PREFIX, make_page_token
from mdp_site.accounts.roles import Right
from mdp_site.accounts.sessions import list_session


class SessionEnded(PermissionDenied):
    """The login session ended while its request was answered."""


class SessionsPage(ListUserSessionsView):  # type: ignore[misc]  # allauth has no types
    """The user's sessions, and a button that ends all but this one."""

    def form_valid(self, form: Any) -> HttpResponse:
        """End the other sessions, and log it."""
        user_id = cast("int", self.request.user.pk)
        own = UserSession.objects.filter(user_id=user_id)
        before = own.count()
        answer: HttpResponse = super().form_valid(form)
        note_session_ended(user_id, by=user_id, sessions=before - own.count())
        return answer


@require_safe
@requires(Right.MARKET_DATA)
def socket_token(request: HttpRequest) -> HttpResponse:
    """A page token for this session, as JSON: `subprotocol` to offer, and `expires_in_seconds`.

    A page requests it before each connection but the first. A visitor who is not logged in is redirected to
    the login, as from every page.
    """
    try:
        subprotocol = page_token_subprotocol(request)
    except SessionEnded:
        return redirect_to_login(request.path)
    return JsonResponse({"subprotocol": subprotocol, "expires_in_seconds": LIFETIME_SECONDS})


def page_token_subprotocol(request: HttpRequest) -> str:
    """The subprotocol with a new page token for the session of this request.

    Raises:
        SessionEnded: the session is no longer in the list, so it is about to end.
    """
    list_session(request)  # a token names the row of its session
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    if row is None:
        raise SessionEnded
    return SUBPROTOCOL_PREFIX + make_page_token(row.user_id, row.pk)
