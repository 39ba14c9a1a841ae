"""Whether logins are valid and what they allow, asked from the database for hundreds of logins at once.

A batch takes the same few queries, however many logins it has: for the sessions of page tokens, for sessions,
for their users, and for API tokens with their users. Groups are asked for if the role of one gives rights. A
session names its user only in its signed data, so the database cannot join the two.

Handshakes and the look at open connections (`login_service`) both use it, so that one place says what
a valid login is.

The rules for a session are those of `django.contrib.auth.get_user`: not expired, made by a configured
backend, of an active user, and with the authentication hash of the user's present password. So a change of
the password ends it.
"""

import enum
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, NamedTuple

import msgspec
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import IntegerField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import Right, allowed, groups_for_feeds
from mdp_site.accounts.scopes import feeds_within

CACHED_LOGINS: Final = 65_536
"""More than the connections of a process. Reading a session's signed data anew takes 40 times as long."""


class Way(enum.StrEnum):
    """How somebody logs in at the WebSocket entrance."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the name of a way
    PAGE_TOKEN = "page token"  # noqa: S105 - the name of a way


class Credential(NamedTuple):
    """What identifies a login. `key` is a session key, the digest of an API token, or for a page token the
    id of the session's row in the list of sessions.
    """

    way: Way
    key: str


class Standing(msgspec.Struct, frozen=True):
    """A valid login. `credential` is a session or a token: the login of a page token is its session's."""

    credential: Credential
    user_id: int
    username: str
    may_see_market_data: bool
    feeds: frozenset[str]
    token_id: int | None = None


class _Claims(NamedTuple):
    """Whom a session belongs to, by its own signed data."""

    user_id: int
    password_hash: str


class _Roles:
    """What users are allowed to do, by the facts of the database. Equal facts are worked out once."""

    def __init__(self, user_ids: Collection[int]) -> None:
        self._groups = _feed_groups_of(user_ids)
        self._known: dict[tuple[bool, frozenset[str]], tuple[bool, frozenset[str]]] = {}

    def of(self, user_id: int, is_staff: int) -> tuple[bool, frozenset[str]]:
        """Whether an active user may see market data, and the permissions for feeds."""
        facts = (bool(is_staff), self._groups.get(user_id, _NO_GROUPS))
        known = self._known.get(facts)
        if known is None:
            may = allowed(is_staff=facts[0], groups=facts[1])
            known = self._known[facts] = (Right.MARKET_DATA in may.rights, may.feeds)
        return known


_NO_GROUPS: Final[frozenset[str]] = frozenset()

# As a number: Django turns each boolean of SQLite into a Python object by a call, for each row.
_IS_STAFF: Final = Cast("is_staff", IntegerField())
_OWNER_IS_STAFF: Final = Cast("user__is_staff", IntegerField())


def read_standings(credentials: Collection[Credential]) -> dict[Credential, Standing]:
    """The standing of each valid login; logins that are not valid are absent. Queries the database.

    Raises:
        DatabaseError: the database cannot be asked. This says nothing about the logins.
    """
    sessions = {credential.key: credential for credential in credentials if credential.way is Way.SESSION}
    pages = {
        int(credential.key): credential for credential in credentials if credential.way is Way.PAGE_TOKEN
    }
    tokens = {credential.key: credential for credential in credentials if credential.way is Way.TOKEN}
    listed = _session_keys(pages)
    found = _by_session({**sessions, **{key: Credential(Way.SESSION, key) for key in listed.values()}})
    for row_id, key in listed.items():
        lasting = found.get(Credential(Way.SESSION, key))
        if lasting is not None:
            found[pages[row_id]] = lasting
    return found | _by_token(tokens)


def _session_keys(row_ids: Collection[int]) -> dict[int, str]:
    """The session key of each row of the list of sessions."""
    if not row_ids:
        return {}
    return dict(UserSession.objects.filter(pk__in=row_ids).values_list("pk", "session_key"))


def _by_session(credentials: Mapping[str, Credential]) -> dict[Credential, Standing]:
    """The standing of each session that is valid, by session key."""
    if not credentials:
        return {}
    alive = _session_store().get_model_class().objects.filter(expire_date__gt=timezone.now())
    rows = alive.filter(session_key__in=credentials).values_list("session_key", "session_data")
    claims = {key: claimed for key, data in rows if (claimed := _claims_in(data)) is not None}
    user_ids = {claimed.user_id for claimed in claims.values()}
    roles = _Roles(user_ids)
    active = User.objects.filter(pk__in=user_ids, is_active=True)
    users = {user[0]: user for user in active.values_list("pk", "username", "password", _IS_STAFF)}
    found = {}
    for key, (user_id, password_hash) in claims.items():
        user = users.get(user_id)
        if user is None:
            continue
        _, username, password, is_staff = user
        if _is_of_present_password(password_hash, password):
            credential = credentials[key]
            found[credential] = Standing(credential, user_id, username, *roles.of(user_id, is_staff))
    return found


def _by_token(credentials: Mapping[str, Credential]) -> dict[Credential, Standing]:
    """The standing of each token that is usable, by digest."""
    if not credentials:
        return {}
    usable = ApiToken.objects.get_queryset().usable(timezone.now()).filter(digest__in=credentials).order_by()
    columns = ("digest", "pk", "scopes", "user_id", "user__username", _OWNER_IS_STAFF)
    rows = list(usable.values_list(*columns))
    roles = _Roles({row[3] for row in rows})
    found = {}
    for digest, token_id, scopes, user_id, username, is_staff in rows:
        credential = credentials[digest]
        may_see_market_data, feeds = roles.of(user_id, is_staff)
        within = feeds_within(scopes, feeds)
        found[credential] = Standing(credential, user_id, username, may_see_market_data, within, token_id)
    return found


def _session_store() -> type[SessionStore]:
    store: type[SessionStore] = import_module(settings.SESSION_ENGINE).SessionStore
    return store


@lru_cache(maxsize=CACHED_LOGINS)
def _claims_in(session_data: str) -> _Claims | None:
    """The claims in the data of a session; None if nobody is logged in, or the signature is wrong."""
    data: dict[str, Any] = _session_store()().decode(session_data)
    if data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        return _Claims(int(data[SESSION_KEY]), str(data[HASH_SESSION_KEY]))
    except (KeyError, ValueError):
        return None


@lru_cache(maxsize=CACHED_LOGINS)
def _is_of_present_password(password_hash: str, password: str) -> bool:
    """Whether a session has the hash of the stored password. Hashes by former secret keys count too."""
    user = User(password=password)
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(password_hash, each) for each in hashes)


def _feed_groups_of(user_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """The groups of each user that give feeds or market data. Users without such a group are absent."""
    granting = groups_for_feeds()
    if not granting or not user_ids:
        return {}
    groups: dict[int, frozenset[str]] = {}
    members = Group.objects.filter(name__in=granting, user__in=user_ids)
    for user_id, name in members.values_list("user__pk", "name"):
        groups[user_id] = groups.get(user_id, _NO_GROUPS) | {name}
    return groups
