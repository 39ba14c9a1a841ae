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
from collections.abc import Callable, Collection, Mapping, Set
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import ExpressionWrapper, F, Field
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from mdp_site.accounts.among import Among
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import Right, allowed, groups_for_logins
from mdp_site.accounts.scopes import permissions_within

T = TypeVar("T")

Field.register_lookup(Among)

CACHED_LOGINS: Final = 65_536
"""More than the connections of a process. Reading a session's signed data anew takes 40 times as long."""


class Way(enum.StrEnum):
    """How somebody logs in at the WebSocket entrance."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the name of a way
    PAGE_TOKEN = "page token"  # noqa: S105 - the name of a way

    __hash__ = str.__hash__  # that of an enum is a Python function, and a look asks for it for each login


class Credential(NamedTuple):
    """What identifies a login. `key` is a session key, the digest of an API token, or for a page token the
    id of the session's row in the list of sessions.
    """

    way: Way
    key: str


class Standing(msgspec.Struct, frozen=True):
    """A valid login. `credential` is a session or a token: the login of a page token is its session's.

    `permissions` are those for feeds, and `control`: see `mdp_site.accounts.roles.Allowed`.
    """

    credential: Credential
    user_id: int
    username: str
    may_see_market_data: bool
    permissions: frozenset[str]
    token_id: int | None = None
    token_name: str = ""


class _Claims(NamedTuple):
    """Whom a session belongs to, by its own signed data."""

    user_id: int
    password_hash: str


class _Roles:
    """What users are allowed to do, by the facts of the database. Equal facts are worked out once."""

    def __init__(self, memberships: Collection[tuple[int, str]]) -> None:
        self._groups: dict[int, frozenset[str]] = {}
        for user_id, group in memberships:
            self._groups[user_id] = self._groups.get(user_id, _NO_GROUPS) | {group}
        self._known: dict[tuple[bool, bool, frozenset[str]], tuple[bool, frozenset[str]]] = {}

    def of(self, user_id: int, is_staff: int, is_superuser: int) -> tuple[bool, frozenset[str]]:
        """Whether an active user may see market data, and the permissions."""
        facts = (bool(is_staff), bool(is_superuser), self._groups.get(user_id, _NO_GROUPS))
        known = self._known.get(facts)
        if known is None:
            may = allowed(is_staff=facts[0], is_superuser=facts[1], groups=facts[2])
            known = self._known[facts] = (Right.MARKET_DATA in may.rights, may.permissions)
        return known


_NO_GROUPS: Final[frozenset[str]] = frozenset()

# As the driver has it: Django turns each boolean of SQLite into a Python object by a call, for each row.
_IS_STAFF: Final = ExpressionWrapper(F("is_staff"), output_field=Field())
_IS_SUPERUSER: Final = ExpressionWrapper(F("is_superuser"), output_field=Field())
_OWNER_IS_STAFF: Final = ExpressionWrapper(F("user__is_staff"), output_field=Field())
_OWNER_IS_SUPERUSER: Final = ExpressionWrapper(F("user__is_superuser"), output_field=Field())

_Rows: TypeAlias = list[tuple[Any, ...]]


class _Derived(Generic[T]):
    """What follows from rows of the database. It is worked out anew only when the rows are others."""

    def __init__(self, work_out: Callable[..., T]) -> None:
        self._work_out = work_out
        self._rows: tuple[_Rows, ...] = ()
        self._value: T | None = None

    def of(self, *rows: _Rows) -> T:
        """The value for these rows."""
        if self._value is None or rows != self._rows:
            self._rows, self._value = rows, self._work_out(*rows)
        return self._value


class StandingReader:
    """Asks the database for logins, the same ones again and again.

    The database is asked for everything each time. But when it answers as the last time, which is the rule,
    nothing else has to be done.
    """

    def __init__(self) -> None:
        self._claims: _Derived[dict[str, _Claims]] = _Derived(_claims_of)
        self._of_sessions: _Derived[dict[Credential, Standing]] = _Derived(self._standings_of_sessions)
        self._of_tokens: _Derived[dict[Credential, Standing]] = _Derived(_standings_of_tokens)

    def read(self, credentials: Collection[Credential]) -> dict[Credential, Standing]:
        """The standing of each valid login; logins that are not valid are absent. Queries the database.

        Raises:
            DatabaseError: the database cannot be asked. This says nothing about the logins.
        """
        listed = _session_keys({int(each.key) for each in credentials if each.way is Way.PAGE_TOKEN})
        keys = {*listed.values(), *(each.key for each in credentials if each.way is Way.SESSION)}
        by_session = self._by_session(keys)
        found = dict(by_session) if listed else by_session
        for row_id, key in listed.items():
            lasting = by_session.get(Credential(Way.SESSION, key))
            if lasting is not None:
                found[Credential(Way.PAGE_TOKEN, str(row_id))] = lasting
        return found | self._by_token({each.key for each in credentials if each.way is Way.TOKEN})

    def _by_session(self, keys: Set[str]) -> dict[Credential, Standing]:
        """The standing of each session that is valid."""
        if not keys:
            return {}
        alive = _session_store().get_model_class().objects.filter(expire_date__gt=timezone.now())
        sessions = list(alive.filter(session_key__among=keys).values_list("session_key", "session_data"))
        user_ids = {claimed.user_id for claimed in self._claims.of(sessions).values()}
        active = User.objects.filter(pk__among=user_ids, is_active=True)
        users = list(active.values_list("pk", "username", "password", _IS_STAFF, _IS_SUPERUSER))
        memberships = _memberships({user[0]: user[3] for user in users})
        return self._of_sessions.of(sessions, users, memberships, _rules())

    def _standings_of_sessions(
        self, sessions: _Rows, user_rows: _Rows, memberships: _Rows, _rules: _Rows
    ) -> dict[Credential, Standing]:
        roles, users = _Roles(memberships), {user[0]: user for user in user_rows}
        found = {}
        for key, (user_id, password_hash) in self._claims.of(sessions).items():
            user = users.get(user_id)
            if user is None:
                continue
            _, username, password, *flags = user
            if _is_of_present_password(password_hash, password):
                credential = Credential(Way.SESSION, key)
                found[credential] = Standing(credential, user_id, username, *roles.of(user_id, *flags))
        return found

    def _by_token(self, digests: Set[str]) -> dict[Credential, Standing]:
        """The standing of each token that is usable."""
        if not digests:
            return {}
        usable = ApiToken.objects.get_queryset().usable(timezone.now()).filter(digest__among=digests)
        columns = (
            *("digest", "pk", "name", "scopes", "user_id", "user__username"),
            *(_OWNER_IS_STAFF, _OWNER_IS_SUPERUSER),
        )
        tokens = list(usable.order_by().values_list(*columns))
        return self._of_tokens.of(tokens, _memberships({token[4]: token[6] for token in tokens}), _rules())


def read_standings(credentials: Collection[Credential]) -> dict[Credential, Standing]:
    """The standings of logins that are asked for once. See `StandingReader.read`."""
    return StandingReader().read(credentials)


def _session_keys(row_ids: Set[int]) -> dict[int, str]:
    """The session key of each row of the list of sessions."""
    if not row_ids:
        return {}
    return dict(UserSession.objects.filter(pk__among=row_ids).values_list("pk", "session_key"))


def _standings_of_tokens(tokens: _Rows, memberships: _Rows, _rules: _Rows) -> dict[Credential, Standing]:
    roles, found = _Roles(memberships), {}
    for digest, token_id, name, scopes, user_id, username, *flags in tokens:
        credential = Credential(Way.TOKEN, digest)
        may_see_market_data, permissions = roles.of(user_id, *flags)
        within = permissions_within(scopes, permissions)
        found[credential] = Standing(
            credential, user_id, username, may_see_market_data, within, token_id, name
        )
    return found


def _claims_of(sessions: _Rows) -> dict[str, _Claims]:
    return {key: claimed for key, data in sessions if (claimed := _claims_in(data)) is not None}


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


def _memberships(are_staff: Mapping[int, int]) -> _Rows:
    """The id of each of these users with each of the user's groups that give a login more."""
    granting = groups_for_logins(is_staff=True)
    has_all = bool(groups_for_logins(is_staff=False))
    user_ids = {user_id for user_id, is_staff in are_staff.items() if is_staff or has_all}
    if not granting or not user_ids:
        return []
    members = Group.objects.filter(name__in=granting, user__in=user_ids)
    return sorted(members.values_list("user__pk", "name"))


def _rules() -> _Rows:
    """What each role allows: standings follow from this too."""
    groups = ("", *sorted(groups_for_logins(is_staff=True)))
    return [
        (staff, group, allowed(is_staff=staff, groups=(group,)))
        for staff in (False, True)
        for group in groups
    ]
