"""The page on which users end their other sessions, and the endpoint for the tokens of their pages."""

from typing import Any, cast

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from mdp_site.accounts.guards import requires
from mdp_site.accounts.journal import note_session_ended
from mdp_site.accounts.page_tokens import LIFETIME_SECONDS, SUBPROTOCOL_PREFIX, make_page_token
from mdp_site.accounts.roles import Right
from mdp_site.accounts.sessions import list_session


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
def socket_token(request: HttpRequest) -> JsonResponse:
    """A page token for this session, as JSON: `subprotocol` to offer, and `expires_in_seconds`.

    Raises:
        PermissionDenied: the session is no longer in the list, so it is about to end.
    """
    list_session(request)  # a token names the row of its session
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    if row is None:
        raise PermissionDenied
    token = make_page_token(row.user_id, row.pk)
    return JsonResponse({"subprotocol": SUBPROTOCOL_PREFIX + token, "expires_in_seconds": LIFETIME_SECONDS})
