"""Roles and their rights. No other module states who may do what.

Pages, the WebSocket entrance, feeds, the API and the admin use `rights_of` and `permissions_of`. Access to
rows in the admin (users, sessions, tokens, jobs) uses Django's permissions: each migration sets them from the
`Role` definitions. A user with several roles has the rights of all of them. docs/login.md has the same as a
table; a test compares it with this module.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db.models import Q

from mdp_site.accounts.models import User


class Right(enum.StrEnum):
    """An action that a user may be allowed to do, apart from access to rows in the admin."""

    MARKET_DATA = "market data"
    """Open the dashboard and connections for feeds."""
    OWN_ACCOUNT = "own account"
    """See and end one's own sessions. Create, see and revoke one's own tokens."""
    ADMIN = "admin"
    """Enter `/admin/`."""
    METRICS = "metrics"
    """Read `/metrics` from any address."""
    DIAGNOSTICS = "diagnostics"
    """See in `/readyz` why a dependency is not ready."""
    OPERATIONS = "operations"
    """See what the services do, their settings and revisions, and the audit."""
    CONTROL = "control"
    """Change the settings of services, and what they do."""


@dataclass(frozen=True, slots=True)
class Role:
    """The rights of the users with this role.

    `feeds`: the permissions for feeds; each kind of feed names the one that it asks for.
    `views`: applications whose rows they see in the admin. `changes`: further permissions on rows, in the
    form `application.codename`. `for_staff`: the rights count only for users with the flag `is_staff`.
    """

    name: str
    rights: frozenset[Right] = frozenset()
    feeds: frozenset[str] = frozenset()
    views: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    for_staff: bool = False


USERS: Final = Role(
    "users",
    rights=frozenset({Right.MARKET_DATA, Right.OWN_ACCOUNT}),
    feeds=frozenset({"boards", "quotes", "trades", "alerts", "status"}),
)
"""All users who are logged in, by session or token, and whose account is active."""

STAFF: Final = Role(
    "staff",
    rights=frozenset({Right.ADMIN, Right.METRICS, Right.DIAGNOSTICS, Right.OPERATIONS}),
    feeds=frozenset({"operations"}),
)
"""Users with the flag `is_staff`. A superuser among them has all roles and may do everything in the admin."""

# These roles do not show allauth's tables: they contain the personal data from the provider.
_VIEWED: Final = (
    "accounts",
    "control_plane",
    "marketdata",
    "scanners",
    "widgets",
    "django_q",
    "usersessions",
)

VIEWERS: Final = Role("viewers", rights=frozenset({Right.OPERATIONS}), views=_VIEWED, for_staff=True)
"""Members of the group of this name. They change nothing."""

_ENDS: Final = ("accounts.change_apitoken", "usersessions.delete_usersession")

OPERATORS: Final = Role(
    "operators",
    rights=frozenset({Right.OPERATIONS, Right.CONTROL}),
    views=_VIEWED,
    changes=_ENDS,
    for_staff=True,
)
"""Members of the group of this name: they also steer the services, revoke tokens and end sessions."""

# The admin page of users lets only a superuser make or change a superuser.
ADMINISTRATORS: Final = Role(
    "administrators",
    rights=OPERATORS.rights,
    views=(*_VIEWED, "auth"),
    changes=(
        *_ENDS,
        "accounts.add_user",
        "accounts.change_user",
        "accounts.delete_user",
        "auth.add_group",
        "auth.change_group",
        "auth.delete_group",
    ),
    for_staff=True,
)
"""Members of the group of this name: they also make and change users, and say who has which role."""

GROUP_ROLES: Final = (VIEWERS, OPERATORS, ADMINISTRATORS)
"""The roles that are Django groups."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a user may do, apart from access to rows in the admin: rights, and permissions for feeds."""

    rights: frozenset[Right]
    feeds: frozenset[str]

    @property
    def permissions(self) -> frozenset[str]:
        """What a login may ask for: the permissions for feeds, and `control`."""
        return self.feeds | (self.rights & {Right.CONTROL})


def rights_of(user: User | AnonymousUser) -> frozenset[Right]:
    """The rights of a user. A user who is not logged in, or not active, has none."""
    return _allowed_to(user).rights


def permissions_of(user: User | AnonymousUser) -> frozenset[str]:
    """What a login of this user may ask for: see `Allowed.permissions`."""
    return _allowed_to(user).permissions


def groups_for_logins(*, is_staff: bool) -> frozenset[str]:
    """The groups whose role gives a login more, of users who are staff or are not.

    If there is none, the groups of these users need no query.
    """
    given = frozenset({Right.MARKET_DATA, Right.CONTROL})
    return frozenset(
        role.name
        for role in GROUP_ROLES
        if (is_staff or not role.for_staff) and (role.feeds or role.rights & given)
    )


def allowed(*, is_staff: bool, groups: Collection[str], is_superuser: bool = False) -> Allowed:
    """What the roles of an active user allow. `groups` are the names of the user's groups."""
    has_all = is_staff and is_superuser
    of_groups = (
        role for role in GROUP_ROLES if has_all or (role.name in groups and (is_staff or not role.for_staff))
    )
    held = [USERS, *((STAFF,) if is_staff else ()), *of_groups]
    return Allowed(
        rights=frozenset().union(*(role.rights for role in held)),
        feeds=frozenset().union(*(role.feeds for role in held)),
    )


def _allowed_to(user: User | AnonymousUser) -> Allowed:
    if not (user.is_authenticated and user.is_active):
        return Allowed(rights=frozenset(), feeds=frozenset())
    if user.is_superuser and user.is_staff:
        return allowed(is_staff=True, groups=(), is_superuser=True)
    # The roles of groups are for staff. Pages of other users are spared the query while no group gives feeds.
    asks = user.is_staff or groups_for_logins(is_staff=False)
    if not asks or user._state.adding:  # noqa: SLF001 - documented by Django; who is not stored has no groups
        return allowed(is_staff=user.is_staff, groups=())
    return allowed(is_staff=user.is_staff, groups=set(user.groups.values_list("name", flat=True)))


def maintain_roles() -> dict[Role, Group]:
    """Create the groups and set their permissions as defined here. Returns the group of each role."""
    groups = {}
    for role in GROUP_ROLES:
        granted = Q(content_type__app_label__in=role.views, codename__startswith="view_")
        for change in role.changes:
            application, _, codename = change.partition(".")
            granted |= Q(content_type__app_label=application, codename=codename)
        groups[role], _created = Group.objects.get_or_create(name=role.name)
        groups[role].permissions.set(Permission.objects.filter(granted))
    return groups
