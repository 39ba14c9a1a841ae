"""Operators revoke the tokens of a user and end the sessions: now, once, and with a record of who did it."""

import datetime as dt
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from marketdata.control import InvalidSettings
from mdp_site.accounts.endings import find_user
from mdp_site.accounts.models import ApiToken, User
from mdp_site.control_plane.actions.running import prepared, run
from mdp_site.control_plane.models import ActionRun, AuditEntry
from tests.support import installation
from tests.support.logins import make_user, standing_of, token_of
from tests.support.operators import ANN, logged_in

pytestmark = pytest.mark.django_db

PAGE = "/accounts/socket-token/"
"""It needs a login, and no files of the browser client."""


def act(name: str, **values: Any) -> ActionRun:
    return run(prepared(name, values, installation.overview()), actor=ANN)


def impact(name: str, **values: Any) -> str:
    return prepared(name, values, installation.overview()).impact


def listed_session(user: User) -> Client:
    """A browser that is logged in, and whose session is in the list."""
    client: Client = logged_in(user)
    client.get(PAGE)
    return client


def results() -> list[tuple[str, str, str]]:
    """The audit from its first entry on: who, action, result."""
    return list(AuditEntry.objects.order_by("pk").values_list("who", "action", "result"))


def test_the_tokens_of_a_user_are_revoked_and_those_of_others_stay() -> None:
    ada, bert = make_user("ada"), make_user("bert")
    tokens = [token_of(ada), token_of(ada), token_of(bert)]
    token_of(ada, expires_at=timezone.now() - dt.timedelta(days=1))
    assert impact("revoke_tokens", user="ada") == (
        f"Revokes 2 tokens of ada (id {ada.pk}), and ends their connections."
    )
    done = act("revoke_tokens", user="ada")
    assert (done.outcome, done.outcome_text) == ("applied", "revoked 2 tokens of ada")
    assert [standing_of(each) is None for each in tokens] == [True, True, False]
    revoked = [entry for entry in results() if entry[1] == "API token revoked"]
    assert len(revoked) == 2
    assert {who for who, _, _ in revoked} == {"ann"}


def test_the_sessions_of_a_user_are_ended_and_those_of_others_stay() -> None:
    ada, bert = make_user("ada"), make_user("bert")
    clients = [listed_session(ada), listed_session(ada), listed_session(bert)]
    assert UserSession.objects.count() == 3
    assert impact("end_sessions", user=str(ada.pk)) == (
        f"Ends 2 sessions of ada (id {ada.pk}), and their connections."
    )
    assert act("end_sessions", user=str(ada.pk)).outcome_text == "ended 2 sessions of ada"
    assert [each.get(PAGE).status_code for each in clients] == [302, 302, 200]
    assert Session.objects.count() == 1
    (entry,) = [entry for entry in results() if entry[1] == "session ended"]
    assert entry == ("ann", "session ended", "done: ada")


@pytest.mark.parametrize(
    ("name", "text"),
    [("revoke_tokens", "revoked 0 tokens of ada"), ("end_sessions", "ended 0 sessions of ada")],
)
def test_a_second_time_nothing_more_is_changed(name: str, text: str) -> None:
    ada = make_user("ada")
    token_of(ada)
    listed_session(ada)
    act(name, user="ada")
    tokens, sessions = list(ApiToken.objects.values()), list(UserSession.objects.values())
    assert act(name, user="ada").outcome_text == text
    assert (list(ApiToken.objects.values()), list(UserSession.objects.values())) == (tokens, sessions)


def test_a_disconnection_ends_logins_only_if_it_is_asked_to() -> None:
    ada = make_user("ada")
    token = token_of(ada)
    client = listed_session(ada)
    assert impact("disconnect_user", user="ada") == (
        "Ends the connections, fewer than the listed users have, "
        f"of ada (id {ada.pk}). The clients connect again."
    )
    assert act("disconnect_user", user="ada").outcome == "pending"
    assert standing_of(token) is not None
    assert client.get(PAGE).status_code == 200

    assert impact("disconnect_user", user="ada", ends_logins="on").endswith(
        "Ends 1 session and 1 token: the clients must log in again."
    )
    act("disconnect_user", user="ada", ends_logins="on")
    assert standing_of(token) is None
    assert client.get(PAGE).status_code == 302


def test_a_name_goes_before_an_id() -> None:
    ada = make_user("ada")
    odd = make_user(str(ada.pk))
    assert find_user("ada") == ada
    assert find_user(str(ada.pk)) == odd
    assert find_user(str(odd.pk)) == odd


@pytest.mark.parametrize("name", ["nobody", "", "0", "-1", "9" * 30, "\u0661", "ada "])
def test_a_user_that_there_is_not_is_a_fault_of_that_argument(name: str) -> None:
    make_user("ada")
    for action in ("revoke_tokens", "end_sessions", "disconnect_user"):
        with pytest.raises(InvalidSettings) as refused:
            prepared(action, {"user": name}, installation.overview())
        assert refused.value.errors.keys() == {"user"}
        assert "accepted: the name or the id of a user" in refused.value.errors["user"]
