"""What all pages of operators share: their frame, the overview, and the way to the delivery."""

from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from marketdata.control.document import InstallationReader
from marketdata.control.views import Overview
from mdp_site.accounts.roles import Right, rights_of
from mdp_site.control_plane.actors import Actor, actor_of
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.changes import NotAllowed, check_actor
from mdp_site.control_plane.due import DUE_IN_SCOPE
from mdp_site.control_plane.services import STEERED, SteeredService
from mdp_site.operations_page import INSTALLATION_IN_SCOPE

PENDING_AGAIN_MS = 1_000
SETTLED_AGAIN_MS = 5_000
"""After how long a page asks again for the part of it that changes."""


def page(
    request: HttpRequest, site: AdminSite, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """A page within the admin. `can_control` says whether its reader may change something."""
    everywhere = {**site.each_context(request), "can_control": can_control(request)}
    return render(request, template, {**everywhere, **context}, status=status)


def part(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """The part of a page that changes, alone."""
    return render(request, template, {"can_control": can_control(request), **context})


def can_control(request: HttpRequest) -> bool:
    """Whether the user may change settings and run actions."""
    return Right.CONTROL in rights_of(request.user)


def check_may_change(request: HttpRequest, *, service: str, action: str) -> Actor:
    """The user, as the one who acts. A refusal is noted in the audit.

    Raises:
        PermissionDenied: the user may not change anything.
    """
    actor = actor_of(request)
    try:
        check_actor(actor)
    except NotAllowed as error:
        note(actor, service=service, action=action, result=f"refused: {error}")
        raise PermissionDenied from error
    return actor


def overview(request: HttpRequest) -> Overview:
    """The newest overview of the installation."""
    reader: InstallationReader = request.scope[INSTALLATION_IN_SCOPE]  # type: ignore[attr-defined] # of ASGI
    return async_to_sync(reader.newest)().overview


def deliver_now(request: HttpRequest) -> None:
    """Let the delivery of this process bring a change to the processes at once."""
    request.scope[DUE_IN_SCOPE].set()  # type: ignore[attr-defined] # of ASGI


def again_ms(*, pending: bool) -> int:
    """After how long a page asks for newer facts."""
    return PENDING_AGAIN_MS if pending else SETTLED_AGAIN_MS


def steered_or_404(name: str) -> SteeredService:
    """The service of this name.

    Raises:
        Http404: there is none.
    """
    if name not in STEERED:
        raise Http404(f"there is no service {name!r}")
    return STEERED[name]
