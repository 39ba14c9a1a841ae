"""Ends what a user is logged in with: sessions and API tokens. Doing so twice changes nothing more."""

from collections.abc import Iterable
from typing import Final

from allauth.usersessions.models import UserSession
from django.db.models import QuerySet
from django.utils import timezone

from marketdata.errors import ConfigurationError
from mdp_site.accounts.journal import TOKEN_REVOKED, note_session_ended, note_token
from mdp_site.accounts.models import ApiToken, ApiTokenQuerySet, User

LARGEST_ID: Final = 2**63 - 1


def find_user(name_or_id: str) -> User:
    """The user with this name or, if there is none, with this id.

    Raises:
        ConfigurationError: there is no such user.
    """
    user = User.objects.filter(username=name_or_id).first()
    if user is None and name_or_id.isascii() and name_or_id.isdigit() and int(name_or_id) <= LARGEST_ID:
        user = User.objects.filter(pk=int(name_or_id)).first()
    if user is None:
        raise ConfigurationError(f"there is no user {name_or_id!r}; accepted: the name or the id of a user")
    return user


def usable_tokens_of(user: User) -> ApiTokenQuerySet:
    """The tokens of a user that are neither revoked nor expired."""
    return ApiToken.objects.get_queryset().usable(timezone.now()).filter(user=user)


def sessions_of(user: User) -> "QuerySet[UserSession]":
    """The listed sessions of a user."""
    sessions: QuerySet[UserSession] = UserSession.objects.filter(user=user)
    return sessions


def revoke_tokens(user: User, *, by: int | None) -> int:
    """Revoke the usable tokens of a user. Returns how many. `by` is the id of who does it."""
    return revoke(usable_tokens_of(user), by=by)


def revoke(tokens: Iterable[ApiToken], *, by: int | None) -> int:
    """Revoke these tokens, and close the connections that were opened with them. Returns how many."""
    revoked = 0
    # One by one, not in one UPDATE: the signal of each save closes the token's connections.
    for token in tokens:
        token.revoke()
        note_token(TOKEN_REVOKED, token, by=by)
        revoked += 1
    return revoked


def end_sessions(user: User, *, by: int | None) -> int:
    """End the sessions of a user. Returns how many. `by` is the id of who does it."""
    ended = 0
    # One by one: the signal of each deletion ends the session and closes its connections.
    for row in list(sessions_of(user)):
        row.delete()
        ended += 1
    if ended:
        note_session_ended(user.pk, by=by, sessions=ended)
    return ended
