"""Roles and their rights. No other module states who may do what.

Pages, the WebSocket entrance, feeds and the admin use `rights_of` and `feeds_of`. Access to rows in the admin
(users, sessions, tokens, jobs) uses Django's permissions: each migration sets them from the `Role`
definitions. A user with several roles has the rights of all of them. docs/login.md has the same as a table; a
test compares it with this module.
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
    """Open the operations page."""


@dataclass(frozen=True, slots=True)
class Role:
    """The rights of the users with this role.

    `feeds`: the permissions for feeds; each kind of feed names the one that it asks for.
    `views`: applications whose rows they see in the admin. `changes`: further permissions on rows, in the
    form `application.codename`.
    """

    name: str
    rights: frozenset[Right] = frozenset()
    feeds: frozenset[str] = frozenset()
    views: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


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
"""Users with the flag `is_staff`. A superuser among them may do everything in the admin."""

# Viewers do not see allauth's tables: they contain the personal data from the provider.
_VIEWED: Final = ("accounts", "marketdata", "scanners", "widgets", "django_q", "usersessions")

VIEWERS: Final = Role("viewers", views=_VIEWED)
"""Members of the group of this name."""

# Operators must not change users: that would allow them to make a superuser.
OPERATORS: Final = Role(
    "operators", views=_VIEWED, changes=("accounts.change_apitoken", "usersessions.delete_usersession")
)
"""Members of the group of this name: they also revoke tokens and end sessions."""

GROUP_ROLES: Final = (VIEWERS, OPERATORS)
"""The roles that are Django groups."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a user may do, apart from access to rows in the admin: rights, and permissions for feeds."""

    rights: frozenset[Right]
    feeds: frozenset[str]


def rights_of(user: User | AnonymousUser) -> frozenset[Right]:
    """The rights of a user. A user who is not logged in, or not active, has none."""
    return _allowed_to(user).rights


def feeds_of(user: User | AnonymousUser) -> frozenset[str]:
    """The permissions for feeds that a user has."""
    return _allowed_to(user).feeds


def granting_groups() -> frozenset[str]:
    """The groups whose role gives rights or feeds.

    Roles of groups that only allow access to rows are none of them. If there is none at all, nobody has to
    ask for the groups of a user, which saves a query per page.
    """
    return frozenset(role.name for role in GROUP_ROLES if role.rights or role.feeds)


def allowed(*, is_staff: bool, groups: Collection[str]) -> Allowed:
    """What the roles of an active user allow. `groups` are the names of the user's `granting_groups`."""
    held = [USERS, *((STAFF,) if is_staff else ()), *(role for role in GROUP_ROLES if role.name in groups)]
    return Allowed(
        rights=frozenset().union(*(role.rights for role in held)),
        feeds=frozenset().union(*(role.feeds for role in held)),
    )


def _allowed_to(user: User | AnonymousUser) -> Allowed:
    if not (user.is_authenticated and user.is_active):
        return Allowed(rights=frozenset(), feeds=frozenset())
    granting = granting_groups()
    groups = set(user.groups.filter(name__in=granting).values_list("name", flat=True)) if granting else set()
    return allowed(is_staff=user.is_staff, groups=groups)


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
