"""What staff may do: roles, which are Django groups with permissions that this module states.

A role comes with a group of the login provider: `OIDC_STAFF_GROUP` makes viewers, `OIDC_OPERATORS_GROUP`
operators. Who is in either is staff. A local member of staff can be given a role in the admin.
"""

from collections.abc import Iterable
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from marketdata.observability.logs import get_logger
from mdp_site.login.claims import group_name

VIEWERS: Final = "viewers"
OPERATORS: Final = "operators"
VIEWED_APPLICATIONS: Final = ("mdp_site", "widgets", "scanners", "marketdata", "django_q", "usersessions")
"""Viewers see everything of these. Not what allauth keeps of people: it is what their provider said."""
OPERATED: Final = (("widgets", "change_apitoken"), ("usersessions", "delete_usersession"))
"""Revoke tokens, end sessions. Not change users: whoever may do that can make a superuser."""

_log = get_logger(__name__)


def maintain_roles() -> dict[str, Group]:
    """Bring both groups and their permissions to what is stated here, and return them by name."""
    viewing = Q(content_type__app_label__in=VIEWED_APPLICATIONS, codename__startswith="view_")
    operating = Q()
    for application, codename in OPERATED:
        operating |= Q(content_type__app_label=application, codename=codename)
    groups = {}
    for name, which in ((VIEWERS, viewing), (OPERATORS, viewing | operating)):
        groups[name], _ = Group.objects.get_or_create(name=name)
        groups[name].permissions.set(Permission.objects.filter(which))
    return groups


def roles_of(provider_groups: Iterable[str]) -> frozenset[str]:
    """The roles that membership in groups of the provider brings."""
    wanted = {VIEWERS: settings.OIDC_STAFF_GROUP, OPERATORS: settings.OIDC_OPERATORS_GROUP}
    names = frozenset(provider_groups)
    return frozenset(role for role, group in wanted.items() if group and group_name(group) in names)


@transaction.atomic
def take_over_roles(user: Any, provider_groups: Iterable[str] | None) -> None:
    """Make a stored user staff with the roles that the provider's groups bring, or take both away.

    With None (the provider did not say) rights stay as they are; so they do where no setting names a group.
    """
    if not (settings.OIDC_STAFF_GROUP or settings.OIDC_OPERATORS_GROUP):
        return
    if provider_groups is None:
        _log.warning(
            "groups unknown: rights stay as they are",
            user=user.get_username(),
            look_at="OIDC_GROUPS_CLAIM, and whether the provider sends groups by reference",
        )
        return
    roles = roles_of(provider_groups)
    before = frozenset(user.groups.filter(name__in=(VIEWERS, OPERATORS)).values_list("name", flat=True))
    if (user.is_staff, before) == (bool(roles), roles):
        return
    groups = maintain_roles()
    user.groups.remove(*(groups[name] for name in before - roles))
    user.groups.add(*(groups[name] for name in roles))
    user.is_staff = bool(roles)
    user.save(update_fields=["is_staff"])
    _log.info("rights taken over from the provider", user=user.get_username(), roles=sorted(roles))
