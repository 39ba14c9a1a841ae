"""Who asks, what they may read or change, and how often."""

import random
from typing import Final

import msgspec
from django.conf import settings
from django.http import HttpRequest

from mdp_site.accounts.entrance import RETRY_SECONDS, SESSION_KEY
from mdp_site.accounts.handshakes import LoginNotChecked
from mdp_site.accounts.journal import note_refusal
from mdp_site.accounts.models import digest_of_secret
from mdp_site.accounts.roles import Right
from mdp_site.accounts.scopes import scopes_for
from mdp_site.accounts.standings import Credential, Standing, Way
from mdp_site.addresses import client_address
from mdp_site.api.forgeries import forgery
from mdp_site.api.problems import Problem
from mdp_site.api.services import ApiServices, services_of
from mdp_site.control_plane.actors import Actor

REFUSED: Final = "API request refused"
ON_RECORD: Final = frozenset({"operations", "control"})
"""Permissions of the platform itself: who lacks one and tries is in the audit."""
RATE_HEADERS: Final = "mdp_rate_headers"
"""The attribute of a request that has the headers of its rate limits, for all answers to it."""


class Caller(msgspec.Struct, frozen=True):
    """The user behind a request, with what the roles of the user and the scopes of the token permit.

    `token_id` is None for a session.
    """

    user_id: int
    username: str
    permissions: frozenset[str]
    token_id: int | None

    def actor(self, request: HttpRequest) -> Actor:
        """Who acts. The origin is the address and, for a program, the number of its token."""
        address = client_address(request)
        origin = "" if address is None else str(address)
        if self.token_id is not None:
            origin = f"{origin} token {self.token_id}".strip()
        rights = frozenset(right for right in Right if str(right) in self.permissions)
        return Actor(who=self.username, origin=origin, rights=rights, user_id=self.user_id)


def caller_of(request: HttpRequest) -> Caller:
    """The caller of an operation, as `Access` found it."""
    caller: Caller = request.auth  # type: ignore[attr-defined] # set by ninja
    return caller


class Access:
    """The authentication of an operation: by token, or for a browser by session.

    `permission` is what the user's roles and the scopes of the token must both have; empty: every user with a
    right to market data may ask. A request with `Authorization` is judged by it alone.

    For a request that `changes` something the login is looked up anew, and a session needs the CSRF token and
    the origin of the site.
    """

    def __init__(self, permission: str, operation_id: str, *, changes: bool) -> None:
        self.permission = permission
        self._operation_id = operation_id
        self._changes = changes

    async def __call__(self, request: HttpRequest) -> Caller:
        """The caller. Counts the request.

        Raises:
            Problem: nobody is logged in, the user may not read this, too many requests, or the login cannot
                be checked now.
        """
        services = services_of(request)
        credential = _credential(request)
        find = services.logins.login_now if self._changes else services.logins.login
        try:
            login = await find(credential)
        except LoginNotChecked as error:
            wait = str(random.randint(*RETRY_SECONDS))  # noqa: S311 - spreads a load
            raise Problem(
                "unavailable", "the login cannot be checked now; try again", headers={"Retry-After": wait}
            ) from error
        if login is None:
            raise _not_valid(request, credential.way)
        standing = login.standing
        caller = Caller(login.user_id, standing.username, login.permissions, standing.token_id)
        problem = self._problem(request, services, credential, standing)
        if problem is None:
            return caller
        if self.permission in ON_RECORD:
            await services.refusals.enter(
                caller.actor(request),
                reason=problem.code,
                action=self._operation_id,
                detail=problem.detail,
            )
        raise problem

    def _problem(
        self, request: HttpRequest, services: ApiServices, credential: Credential, standing: Standing
    ) -> Problem | None:
        """Why this login may not do it now. Counts the request."""
        limits, user_id = services.limits, standing.user_id
        spent = limits.spend_change(user_id) if self._changes else limits.spend(credential, user_id)
        setattr(request, RATE_HEADERS, spent.headers)
        if spent.retry_seconds:
            return Problem(
                "too_many_requests",
                f"{spent.headers['RateLimit-Policy']}; ask again in {spent.retry_seconds} s",
                headers={"Retry-After": str(spent.retry_seconds)},
            )
        if not standing.may_see_market_data:
            return _refused(request, "no_right", "this account has no right to market data", user_id)
        if self._changes and credential.way is Way.SESSION and (forged := forgery(request)):
            return _refused(request, "forged", forged, user_id)
        if self.permission and self.permission not in standing.permissions:
            scopes = scopes_for(self.permission)
            if credential.way is Way.TOKEN and scopes:
                names = " or ".join(map(repr, scopes))
                detail = f"it needs the scope {names}, and a role of the user that permits it"
                return _refused(request, "missing_scope", detail, user_id)
            return _refused(request, "no_right", f"no role of this user permits {self.permission!r}", user_id)
        return None


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
