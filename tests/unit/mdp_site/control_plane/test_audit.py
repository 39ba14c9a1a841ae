"""The audit only grows, holds no secret, and knows what happens to accounts."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from mdp_site.accounts.journal import TOKEN_REVOKED, note_session_ended, note_token
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import OPERATORS, VIEWERS
from mdp_site.control_plane.actors import acting_as
from mdp_site.control_plane.audit import note, without_secrets
from mdp_site.control_plane.models import AppendOnly, AuditEntry
from tests.support.operators import ANN, logged_in, member_of

pytestmark = pytest.mark.django_db


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("pk"))


def test_an_entry_cannot_be_changed_or_deleted() -> None:
    entry = note(ANN, service="web", action="change", result="pending")
    entry.result = "nothing happened"
    for attempt in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(result="nothing happened"),
        lambda: AuditEntry.objects.all().delete(),
    ):
        with pytest.raises(AppendOnly, match="accepted: new entries"):
            attempt()
    assert AuditEntry.objects.get().result == "pending"


def test_passwords_in_addresses_are_left_out() -> None:
    feed = "wss://ann:hunter2@feed.example/stocks"
    entry = note(
        ANN,
        service="listener",
        action="change",
        result=f"refused: {feed}",
        after={"feed": [feed]},
        reason=feed,
    )
    assert entry.after == {"feed": ["wss://feed.example/stocks"]}
    assert "hunter2" not in entry.result + entry.reason
    assert without_secrets({"a": 1, "b": None}) == {"a": 1, "b": None}


def test_texts_are_cut_and_made_printable() -> None:
    entry = note(ANN, service="s" * 99, action="a" * 99, result="r\x00\x1b" * 1_000, reason="x" * 10_000)
    entry.refresh_from_db()
    assert (len(entry.service), len(entry.action), len(entry.result), len(entry.reason)) == (
        50,
        50,
        1_000,
        1_000,
    )
    assert entry.result.isprintable()


def test_roles_and_flags_that_change_are_noted_with_who_changed_them() -> None:
    ann = User.objects.create_user("ann")
    with acting_as(lambda: ANN):
        ann.is_staff = True
        ann.save()
        ann.groups.add(Group.objects.get(name=OPERATORS.name))
        Group.objects.get(name=VIEWERS.name).user_set.add(ann)
        ann.groups.remove(Group.objects.get(name=OPERATORS.name))
        ann.groups.clear()
    (flags,) = entries("user changed")
    assert (flags.who, flags.before, flags.after) == ("ann", {"is_staff": False}, {"is_staff": True})
    assert flags.result == "done: ann"
    assert [(each.before, each.after) for each in entries("roles changed")] == [
        (None, {"groups": [OPERATORS.name]}),
        (None, {"groups": [VIEWERS.name]}),
        ({"groups": [OPERATORS.name]}, None),
        ({"groups": [VIEWERS.name]}, None),
    ]


def test_a_login_that_changes_nothing_is_no_entry() -> None:
    ann = User.objects.create_user("ann")
    before = AuditEntry.objects.count()
    logged_in(ann)
    ann.first_name = "Ann"
    ann.save()
    assert AuditEntry.objects.count() == before


def test_users_made_and_deleted_are_noted() -> None:
    User.objects.create_user("ann").delete()
    (made,) = entries("user made")
    assert made.after == {"is_active": True, "is_staff": False, "is_superuser": False}
    assert made.who.startswith("program: ")
    assert len(entries("user deleted")) == 1


def test_tokens_and_sessions_are_noted_without_their_secrets() -> None:
    ann = User.objects.create_user("ann")
    call_command("create_api_token", "ann", "--scope", "boards")
    token = ApiToken.objects.get()
    note_token(TOKEN_REVOKED, token, by=ann.pk)
    note_session_ended(ann.pk, by=None, sessions=2)
    (made,), (revoked,), (ended,) = map(entries, ("API token made", "API token revoked", "session ended"))
    assert made.result == revoked.result == f"done: ann, token {token.prefix}"
    assert made.after == {"scopes": "boards"}
    assert (ended.result, ended.before) == ("done: ann", {"sessions": 2})
    assert token.digest not in str(AuditEntry.objects.values())


def test_what_a_user_does_on_a_page_is_noted_with_name_and_address() -> None:
    operator = member_of(OPERATORS)
    client = logged_in(operator)
    token, _ = ApiToken.objects.issue(operator, name="ticker")
    chosen = {"action": "revoke", "_selected_action": [token.pk]}
    client.post("/admin/accounts/apitoken/", chosen, REMOTE_ADDR="203.0.113.7")
    (entry,) = entries("API token revoked")
    assert (entry.who, entry.user_id, entry.origin) == ("eve", operator.pk, "203.0.113.7")
