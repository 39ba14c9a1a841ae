"""Roles from the groups of the login provider.

Members of `OIDC_STAFF_GROUP` are viewers, of `OIDC_OPERATORS_GROUP` operators, of `OIDC_ADMINISTRATORS_GROUP`
administrators. Members of any of them are staff. A member of staff with a local password gets a role in the
admin.
"""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import transaction

from marketdata.observability.logs import get_logger
from mdp_site.accounts.models import User
from mdp_site.accounts.oidc.claims import group_name
from mdp_site.accounts.roles import ADMINISTRATORS, GROUP_ROLES, OPERATORS, VIEWERS, Role, maintain_roles

_log = get_logger(__name__)


def roles_of_groups(provider_groups: Iterable[str]) -> frozenset[Role]:
    """The roles of a member of these groups of the provider."""
    names = frozenset(provider_groups)
    return frozenset(
        role for role, group in _groups_of_roles().items() if group and group_name(group) in names
    )


def _groups_of_roles() -> Mapping[Role, str]:
    """The provider's group of each role, as the settings name it. Empty: no group has the role."""
    return {
        VIEWERS: settings.OIDC_STAFF_GROUP,
        OPERATORS: settings.OIDC_OPERATORS_GROUP,
        ADMINISTRATORS: settings.OIDC_ADMINISTRATORS_GROUP,
    }


@transaction.atomic
def take_over_roles(user: User, provider_groups: Iterable[str] | None) -> None:
    """Set a stored user's roles, and whether they are staff, from the provider's groups.

    Nothing changes if the groups are unknown (None), or if no setting names a group.
    """
    if not any(_groups_of_roles().values()):
        return
    if provider_groups is None:
        _log.warning(
            "groups unknown: rights stay as they are",
            user=user.get_username(),
            look_at="OIDC_GROUPS_CLAIM, and whether the provider sends groups by reference",
        )
        return
    roles = roles_of_groups(provider_groups)
    names = frozenset(user.groups.values_list("name", flat=True))
    before = frozenset(role for role in GROUP_ROLES if role.name in names)
    if (user.is_staff, before) == (bool(roles), roles):
        return
    groups = maintain_roles()
    user.groups.remove(*(groups[role] for role in before - roles))
    user.groups.add(*(groups[role] for role in roles))
    user.is_staff = bool(roles)
    user.save(update_fields=["is_staff"])
    _log.info(
        "rights taken over from the provider",
        user=user.get_username(),
        roles=sorted(role.name for role in roles),
    )
