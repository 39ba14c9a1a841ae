"""Who acts: the user of a request, a login, the person at a terminal, or a program."""

import getpass

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from mdp_site.accounts.models import User
from mdp_site.accounts.roles import OPERATORS, VIEWERS, Right
from mdp_site.control_plane.actors import ActorMiddleware, acting, actor_of, program_actor, terminal_actor
from tests.support.operators import member_of


def request_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7")
    request.user = user
    return request


@pytest.mark.django_db
def test_the_user_of_a_request_has_a_name_an_address_and_the_rights_of_the_roles() -> None:
    operator, viewer = member_of(OPERATORS, "ann"), member_of(VIEWERS, "vic")
    actor = actor_of(request_of(operator))
    assert (actor.who, actor.origin, actor.user_id) == ("ann", "203.0.113.7", operator.pk)
    assert Right.CONTROL in actor.rights
    assert Right.CONTROL not in actor_of(request_of(viewer)).rights


def test_during_a_login_the_login_acts_and_has_no_right() -> None:
    actor = actor_of(request_of(AnonymousUser()))
    assert (actor.who, actor.rights, actor.user_id) == ("login", frozenset(), None)
    assert actor_of(RequestFactory().get("/")).who == "login"


def test_the_person_at_the_terminal_has_every_right() -> None:
    actor = terminal_actor()
    assert actor.who.startswith(f"terminal: {getpass.getuser()}@")
    assert (actor.origin, actor.rights) == ("terminal", frozenset(Right))


def test_an_account_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert terminal_actor().who.startswith("terminal: unknown@")


def test_a_request_acts_only_while_it_is_answered() -> None:
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(acting().who)
        return HttpResponse()

    ActorMiddleware(view)(request_of(AnonymousUser()))
    assert seen == ["login"]
    assert acting() == program_actor()
