"""Who asks, what they may read, and how often."""

import random
from typing import Final

import msgspec
from django.conf import settings
from django.http import HttpRequest

from mdp_site.accounts.entrance import RETRY_SECONDS, SESSION_KEY
from mdp_site.accounts.handshakes import LoginNotChecked
from mdp_site.accounts.journal import note_refusal
from mdp_site.accounts.models import digest_of_secret
from mdp_site.accounts.scopes import SCOPES
from mdp_site.accounts.standings import Credential, Way
from mdp_site.api.problems import Problem
from mdp_site.api.services import services_of

REFUSED: Final = "API request refused"
RATE_HEADERS: Final = "mdp_rate_headers"
"""The attribute of a request that has the headers of its rate limits, for all answers to it."""


class Caller(msgspec.Struct, frozen=True):
    """The user behind a request, with their permissions for feeds."""

    user_id: int
    permissions: frozenset[str]


class Access:
    """The authentication of an operation: by token, or for a browser by session.

    `permission` is what the user's roles and the scopes of the token must both have; empty: every user with a
    right to market data may ask. A request with `Authorization` is judged by it alone.
    """

    def __init__(self, permission: str = "") -> None:
        self.permission = permission

    async def __call__(self, request: HttpRequest) -> Caller:
        """The caller. Counts the request.

        Raises:
            Problem: nobody is logged in, the user may not read this, too many requests, or the login cannot
                be checked now.
        """
        services = services_of(request)
        credential = _credential(request)
        try:
            login = await services.logins.login(credential)
        except LoginNotChecked as error:
            wait = str(random.randint(*RETRY_SECONDS))  # noqa: S311 - spreads a load
            raise Problem(
                "unavailable", "the login cannot be checked now; try again", headers={"Retry-After": wait}
            ) from error
        if login is None:
            raise _not_valid(request, credential.way)
        spent = services.limits.spend(credential, login.user_id)
        setattr(request, RATE_HEADERS, spent.headers)
        if spent.retry_seconds:
            raise Problem(
                "too_many_requests",
                f"{spent.headers['RateLimit-Policy']}; ask again in {spent.retry_seconds} s",
                headers={"Retry-After": str(spent.retry_seconds)},
            )
        standing = login.standing
        if not standing.may_see_market_data:
            raise _refused(request, "no_right", "this account has no right to market data", login.user_id)
        if self.permission and self.permission not in login.permissions:
            if credential.way is Way.TOKEN and self.permission in SCOPES:
                detail = f"it needs the scope {self.permission!r}, and a role of the user that permits it"
                raise _refused(request, "missing_scope", detail, login.user_id)
            detail = f"no role of this user permits {self.permission!r}"
            raise _refused(request, "no_right", detail, login.user_id)
        return Caller(login.user_id, login.permissions)


def _credential(request: HttpRequest) -> Credential:
    """What the request logs in with.

    Raises:
        Problem: it has nothing to log in with, or something that cannot be valid.
    """
    if "Authorization" in request.headers:
        scheme, _, raw = request.headers["Authorization"].partition(" ")
        digest = digest_of_secret(raw.strip()) if scheme.lower() == "bearer" else None
        if digest is None:
            raise _not_valid(request, Way.TOKEN)
        return Credential(Way.TOKEN, digest)
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not SESSION_KEY.fullmatch(key):
        raise _not_valid(request, Way.SESSION)
    return Credential(Way.SESSION, key)


def _not_valid(request: HttpRequest, way: Way) -> Problem:
    """RFC 6750, section 3: the challenge names an error only if the request had a token."""
    if way is Way.TOKEN:
        note_refusal(request, step="token", reason="unknown, expired or revoked", event=REFUSED)
        detail = "the token is unknown, expired or revoked; accepted: Authorization: Bearer <token>"
        challenge = 'Bearer realm="api", error="invalid_token"'
    else:
        detail = "accepted: Authorization: Bearer <token>, or the session of a logged-in user"
        challenge = 'Bearer realm="api"'
    return Problem("not_logged_in", detail, headers={"WWW-Authenticate": challenge})


def _refused(request: HttpRequest, code: str, detail: str, user_id: int) -> Problem:
    note_refusal(request, step=code, reason=detail, event=REFUSED, user_id=user_id)
    headers = {}
    if code == "missing_scope":
        headers = {"WWW-Authenticate": 'Bearer realm="api", error="insufficient_scope"'}
    return Problem(code, detail, headers=headers)
