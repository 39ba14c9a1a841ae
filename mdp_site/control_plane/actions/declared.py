"""What an action of operators is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from marketdata.control.arguments import Arguments
from marketdata.control.views import Overview
from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.models import Revision


@dataclass(frozen=True, slots=True)
class BySettings:
    """The action is a revision of a service's settings.

    `revise` takes the arguments, the actor, the reason, and the revision that must be the newest one (None:
    any). It raises as `mdp_site.control_plane.changes`.
    """

    revise: Callable[[Any, Actor, str, int | None], Revision]


@dataclass(frozen=True, slots=True)
class ByProcesses:
    """The running processes of the service carry the action out, each for its part, and answer."""


@dataclass(frozen=True, slots=True)
class ByDatabase:
    """The action is done in the database at once.

    `do` takes the arguments and the actor, and says in words what it did. It raises `MarketDataError` if it
    refuses; then it has changed nothing.
    """

    do: Callable[[Any, Actor], str]


Work: TypeAlias = BySettings | ByProcesses | ByDatabase


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Page, API, terminal and documents follow from it.

    `service` gives the service that does it. `impact` says in one sentence what the action will do to what
    the overview shows; it raises `ConfigurationError` if there is nothing to do it to. Numbers that the
    overview does not have are said to be unknown.
    """

    name: str
    label: str
    explanation: str
    arguments: type[Arguments]
    service: Callable[[Any], str]
    impact: Callable[[Any, Overview], str]
    work: Work
