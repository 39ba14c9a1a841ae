"""People who steer services in tests, and members of roles."""

from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from mdp_site.accounts.models import User
from mdp_site.accounts.roles import OPERATORS, VIEWERS, Role
from mdp_site.control_plane.actors import Actor

ANN: Final = Actor(who="ann", origin="203.0.113.7", rights=OPERATORS.rights, user_id=7)
"""An operator."""
BOB: Final = Actor(who="bob", origin="203.0.113.8", rights=OPERATORS.rights, user_id=8)
"""Another operator."""
VIC: Final = Actor(who="vic", origin="203.0.113.9", rights=VIEWERS.rights, user_id=9)
"""A viewer."""


def member_of(role: Role | None, name: str = "eve") -> User:
    """A stored member of staff with this role."""
    member: User = get_user_model().objects.create_user(name, is_staff=True)
    if role is not None:
        member.groups.add(Group.objects.get(name=role.name))
    return member


def logged_in(user: Any, client: Any = None) -> Any:
    """A client that is logged in as the user; by default a new `Client`."""
    client = Client() if client is None else client
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
