"""Who does something, from where, and with which rights."""

import contextlib
import getpass
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from mdp_site.accounts.roles import Right, rights_of
from mdp_site.addresses import client_address
from mdp_site.control_plane.models import MAX_NAME_LENGTH

TERMINAL: Final = "terminal"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `origin` is an address or `terminal`. `rights` says what is allowed."""

    who: str
    origin: str
    rights: frozenset[Right]
    user_id: int | None = None


CACHE: Final = Actor(who="cache", origin="", rights=frozenset())
"""Settings that were found in the cache, of an earlier release or a newer database."""

PROCESSES: Final = Actor(who="processes", origin="", rights=frozenset())
"""The processes of a service, which report what became of a revision."""


def terminal_actor() -> Actor:
    """The person at this terminal. Who can start a command has the database, and so every right."""
    return Actor(who=_named(TERMINAL), origin=TERMINAL, rights=frozenset(Right))


def program_actor() -> Actor:
    """This process: a job or a command, where no request is answered."""
    return Actor(who=_named("program"), origin="", rights=frozenset())


def _named(what: str) -> str:
    try:
        person = getpass.getuser()
    except (KeyError, OSError):  # this container has no such user
        person = "unknown"
    return f"{what}: {person}@{socket.gethostname()}"[:MAX_NAME_LENGTH]


def actor_of(request: HttpRequest) -> Actor:
    """The user of a request. During a login there is none yet: then the login acts."""
    address = client_address(request)
    origin = "" if address is None else str(address)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Actor(who="login", origin=origin, rights=frozenset())
    return Actor(who=user.get_username(), origin=origin, rights=rights_of(user), user_id=user.pk)


_acting: ContextVar[Callable[[], Actor]] = ContextVar("acting", default=program_actor)


def acting() -> Actor:
    """Who acts in this context, for receivers of signals that get no request."""
    return _acting.get()()


@contextlib.contextmanager
def acting_as(actor: Callable[[], Actor]) -> Iterator[None]:
    """Let this actor act until the end of the context. It is asked for only when something happens."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def ActorMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Let the user of each request act while it is answered."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with acting_as(lambda: actor_of(request)):
            return get_response(request)

    return middleware
