"""Who may do what: stated here, and nowhere else.

Pages, the WebSocket entrance, feeds and the admin ask `rights_of` and `feeds_of`; rows in the admin (users,
sessions, tokens, jobs) are Django's permissions, which every migration brings to what `Role` says. Roles only
add: whoever has several may do what any of them allows. docs/login.md shows the same as a table, and a test
holds it to this module.
"""

import enum
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db.models import Q

from mdp_site.accounts.models import User


class Right(enum.StrEnum):
    """What somebody may do on the site, apart from rows in the admin."""

    MARKET_DATA = "market data"
    """Open the dashboard and connections for feeds."""
    OWN_ACCOUNT = "own account"
    """See and end one's own sessions; make, see and revoke one's own tokens."""
    ADMIN = "admin"
    """Enter `/admin/`."""
    METRICS = "metrics"
    """Read `/metrics` from any address."""
    DIAGNOSTICS = "diagnostics"
    """See in `/readyz` why something is not ready."""


@dataclass(frozen=True, slots=True)
class Role:
    """What its holders may do.

    `feeds`: which sorts of feeds they may have, by the permissions that the kinds of feed ask for.
    `views`: applications whose rows they see in the admin. `changes`: further permissions on rows, as
    `application.codename`.
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
"""Everybody who is logged in, by session or token, and whose account is active."""

STAFF: Final = Role("staff", rights=frozenset({Right.ADMIN, Right.METRICS, Right.DIAGNOSTICS}))
"""Users with the flag `is_staff`. A superuser among them may do everything in the admin."""

# Viewers do not see what allauth keeps of people: that is what their provider said.
_VIEWED: Final = ("accounts", "marketdata", "scanners", "widgets", "django_q", "usersessions")

VIEWERS: Final = Role("viewers", views=_VIEWED)
"""Members of the group of this name."""

# Operators do not change users: whoever may do that can make a superuser.
OPERATORS: Final = Role(
    "operators", views=_VIEWED, changes=("accounts.change_apitoken", "usersessions.delete_usersession")
)
"""Members of the group of this name: they also revoke tokens and end sessions."""

GROUP_ROLES: Final = (VIEWERS, OPERATORS)
"""The roles that are Django groups."""


def rights_of(user: User | AnonymousUser) -> frozenset[Right]:
    """What a user may do on the site; nothing for somebody who is not logged in or no longer active."""
    return frozenset().union(*(role.rights for role in _held(user)))


def feeds_of(user: User | AnonymousUser) -> frozenset[str]:
    """Which sorts of feeds a user may have."""
    return frozenset().union(*(role.feeds for role in _held(user)))


def _held(user: User | AnonymousUser) -> tuple[Role, ...]:
    # Groups are not asked, which would cost a query for each page: their roles are about rows alone.
    if not (user.is_authenticated and user.is_active):
        return ()
    return (USERS, STAFF) if user.is_staff else (USERS,)


def maintain_roles() -> dict[Role, Group]:
    """Bring the groups and their permissions to what is stated here, and return them by role."""
    groups = {}
    for role in GROUP_ROLES:
        granted = Q(content_type__app_label__in=role.views, codename__startswith="view_")
        for change in role.changes:
            application, _, codename = change.partition(".")
            granted |= Q(content_type__app_label=application, codename=codename)
        groups[role], _created = Group.objects.get_or_create(name=role.name)
        groups[role].permissions.set(Permission.objects.filter(granted))
    return groups
