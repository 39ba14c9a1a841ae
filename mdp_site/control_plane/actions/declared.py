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
    """The running processes of the service carry the action out, each for its part, and answer.

    `before` takes the arguments and the actor: what is done in the database before the processes are
    instructed. It raises as `ByDatabase.do`.
    """

    before: Callable[[Any, Actor], object] = lambda _arguments, _actor: None


@dataclass(frozen=True, slots=True)
class ByDatabase:
    """The action is done in the database at once.

    `do` takes the arguments and the actor, and says in words what it did. It raises `MarketDataError` if it
    refuses; then it has changed nothing.
    """

    do: Callable[[Any, Actor], str]


@dataclass(frozen=True, slots=True)
class ByJob:
    """The processes that run jobs do it. The outcome is that of the job.

    `order` takes the arguments and orders a run of the job. It returns the id of the order, which is also
    that of the run among the finished ones.
    """

    order: Callable[[Any], str]


Work: TypeAlias = BySettings | ByProcesses | ByDatabase | ByJob


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Page, API, terminal and documents follow from it.

    `service` gives the service that does it. `impact` says in one sentence what the action will do to what
    the overview shows; it raises `ConfigurationError` if there is nothing to do it to. Numbers that the
    overview does not have are said to be unknown. It may ask the database, and changes nothing.
    """

    name: str
    label: str
    explanation: str
    arguments: type[Arguments]
    service: Callable[[Any], str]
    impact: Callable[[Any, Overview], str]
    work: Work
