"""Who may do what: stated once, and asked by pages, feeds and the admin alike."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.test import Client

from marketdata.schema.boards import HALTS, TOP_GAINERS
from mdp_site.accounts import roles
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import (
    ADMINISTRATORS,
    GROUP_ROLES,
    OPERATORS,
    STAFF,
    USERS,
    VIEWERS,
    Right,
    Role,
    permissions_of,
    rights_of,
)
from mdp_site.accounts.scopes import PERMITS, SCOPES
from tests.support.feeds import CATALOG, feed_of
from tests.unit.mdp_site.accounts.test_login_routes import routes

DOCUMENT: Final = Path(__file__).resolve().parents[4] / "docs" / "login.md"
OPEN_TO_ALL: Final = {
    "favicon.ico",
    "healthz",
    "readyz",
    "metrics",
    "accounts/login/",
    "accounts/logout/",
    "accounts/inactive/",
    "accounts/oidc/oidc/login/",
    "accounts/oidc/oidc/login/callback/",
}


def table_rows(heading: str) -> dict[str, list[list[str]]]:
    """A table of docs/login.md by its first heading: for each row, the code words of its other cells."""
    _, _, after = DOCUMENT.read_text().partition(f"| {heading} |")
    table = after.split("\n\n")[0].splitlines()[2:]
    cells = [[re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:-1]] for line in table]
    return {row[0][0]: row[1:] for row in cells}


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("role", [USERS, STAFF, *GROUP_ROLES], ids=lambda role: role.name)
def test_the_documentation_says_what_a_role_may_do(role: Role) -> None:
    _who, rights, feeds, views, changes = table_rows("role")[role.name]
    assert sorted(rights) == sorted(role.rights)
    assert sorted(feeds) == sorted(role.feeds)
    assert sorted(views) == sorted(role.views)
    assert sorted(changes) == sorted(role.changes)


def test_the_documentation_says_which_feeds_each_scope_permits_and_its_words_on_the_page() -> None:
    assert set(table_rows("scope")) == set(SCOPES)
    for scope, (_on_the_page, documented) in table_rows("scope").items():
        feeds = {
            "scanners:..." if name.startswith("scanners:") else name
            for name in CATALOG.permitted(PERMITS[scope])
        }
        assert set(documented) == feeds
        assert f"| `{scope}` | {SCOPES[scope]} |" in DOCUMENT.read_text()


def test_the_documentation_explains_every_right() -> None:
    assert set(table_rows("right")) == set(Right)


@pytest.mark.parametrize(
    "name",
    [
        *(TOP_GAINERS, HALTS, "quote:AAPL", "trades:AAPL", "halts", "halts:AAPL"),
        *("daily_range_hod_alert", "status"),
    ],
)
def test_whoever_is_logged_in_sees_every_feed(name: str) -> None:
    wanted = feed_of(name).permission
    assert wanted in permissions_of(User(username="ada"))
    assert wanted not in permissions_of(User(username="gone", is_active=False))
    assert wanted not in permissions_of(AnonymousUser())


def test_roles_grant_what_kinds_of_feed_ask_for_and_nothing_else() -> None:
    """A kind that asks for what no role grants is served to nobody: it needs its line in `roles`."""
    granted = frozenset().union(*(role.feeds for role in (USERS, STAFF, *GROUP_ROLES)))
    assert granted == {source.permission for source in CATALOG.kinds.values()}


def test_roles_are_entered_after_the_permissions_of_all_applications() -> None:
    """`mdp_site.apps` does it at the signal of the accounts, which is the last one."""
    assert [each.label for each in apps.get_app_configs() if each.models_module][-1] == "accounts"


def test_rights_are_those_of_all_roles_and_end_with_the_account() -> None:
    assert rights_of(AnonymousUser()) == frozenset()
    assert rights_of(User(username="ada")) == USERS.rights
    assert rights_of(User(username="ada", is_staff=True)) == USERS.rights | STAFF.rights
    assert Right.CONTROL in rights_of(User(username="root", is_staff=True, is_superuser=True))
    assert rights_of(User(username="gone", is_staff=True, is_superuser=True, is_active=False)) == frozenset()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "may_control"), [(None, False), (VIEWERS, False), (OPERATORS, True), (ADMINISTRATORS, True)]
)
def test_operators_and_administrators_control_while_they_are_staff(
    role: Role | None, may_control: bool
) -> None:
    member = get_user_model().objects.create_user("eve", is_staff=True)
    if role is not None:
        member.groups.add(Group.objects.get(name=role.name))
    assert Right.OPERATIONS in rights_of(member)
    assert (Right.CONTROL in rights_of(member)) is may_control
    member.is_staff = False
    member.save()
    assert rights_of(member) == USERS.rights


@pytest.mark.django_db
def test_a_page_that_is_not_for_everybody_leads_a_stranger_to_the_login() -> None:
    """The API answers 401 (`tests/integration/api/test_access.py`). Its page for people leads there too."""
    pages = {route for route in routes() if not route.startswith(("admin/", "api/"))} | {"api/v1/docs"}
    guarded = pages - OPEN_TO_ALL
    assert guarded, "no guarded page found: this test has lost its subject"
    for route in guarded:
        address = "/" + route.replace("<int:token_id>", "1")
        answer = Client().post(address) if "revoke" in route else Client().get(address)
        assert (answer.status_code, answer.headers.get("Location")) == (
            302,
            f"/accounts/login/?next={address}",
        )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("right", "address"),
    [(Right.MARKET_DATA, "/"), (Right.OWN_ACCOUNT, "/accounts/tokens/")],
)
def test_a_page_is_closed_to_users_who_lack_its_right(
    monkeypatch: pytest.MonkeyPatch, right: Right, address: str
) -> None:
    client = client_of(get_user_model().objects.create_user("ann"))
    assert client.get(address).status_code == 200
    monkeypatch.setattr(roles, "USERS", Role("users", rights=USERS.rights - {right}))
    assert client.get(address).status_code == 403


@pytest.mark.django_db
def test_the_admin_and_the_way_to_it_are_for_whoever_has_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    user, staff = (
        client_of(get_user_model().objects.create_user(name, is_staff=name == "eve"))
        for name in ("ann", "eve")
    )
    link = 'href="/admin/"'
    assert link not in user.get("/").content.decode()
    assert link in staff.get("/").content.decode()
    assert staff.get("/admin/").status_code == 200
    assert user.get("/admin/").status_code == 302
    monkeypatch.setattr(roles, "STAFF", Role("staff", rights=STAFF.rights - {Right.ADMIN}))
    assert link not in staff.get("/").content.decode()
    assert staff.get("/admin/").status_code == 302


@pytest.mark.django_db
def test_metrics_from_elsewhere_and_reasons_are_for_whoever_has_the_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    staff = client_of(get_user_model().objects.create_user("eve", is_staff=True))
    assert staff.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 200
    monkeypatch.setattr(roles, "STAFF", Role("staff"))
    assert staff.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        (VIEWERS, "/admin/accounts/user/", 200),
        (VIEWERS, "/admin/accounts/apitoken/", 200),
        (VIEWERS, "/admin/usersessions/usersession/", 200),
        (VIEWERS, "/admin/django_q/schedule/", 200),
        (VIEWERS, "/admin/accounts/user/add/", 403),
        (VIEWERS, "/admin/socialaccount/socialaccount/", 403),
        (OPERATORS, "/admin/accounts/user/", 200),
        (OPERATORS, "/admin/accounts/user/add/", 403),
        (OPERATORS, "/admin/django_q/schedule/add/", 403),
        (OPERATORS, "/admin/auth/group/", 403),
        (ADMINISTRATORS, "/admin/accounts/user/add/", 200),
        (ADMINISTRATORS, "/admin/auth/group/add/", 200),
        (ADMINISTRATORS, "/admin/django_q/schedule/add/", 403),
        (ADMINISTRATORS, "/admin/socialaccount/socialaccount/", 403),
        (VIEWERS, "/admin/control_plane/auditentry/", 200),
        (VIEWERS, "/admin/control_plane/revision/", 200),
        (ADMINISTRATORS, "/admin/control_plane/auditentry/add/", 403),
        (None, "/admin/control_plane/auditentry/", 403),
        (None, "/admin/accounts/user/", 403),
    ],
)
def test_a_role_opens_the_rows_that_it_states(role: Role | None, address: str, status: int) -> None:
    member = get_user_model().objects.create_user("eve", is_staff=True)
    if role is not None:
        member.groups.add(Group.objects.get(name=role.name))
    assert client_of(member).get(address).status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "offered"), [(VIEWERS, False), (OPERATORS, True)])
def test_operators_alone_revoke_tokens_and_end_sessions(role: Role, offered: bool) -> None:
    member = get_user_model().objects.create_user("eve", is_staff=True)
    member.groups.add(Group.objects.get(name=role.name))
    client = client_of(member)
    ApiToken.objects.issue(member, name="ticker")
    client.get("/")  # enters the session in the list
    assert ('value="revoke"' in client.get("/admin/accounts/apitoken/").content.decode()) is offered
    sessions = client.get("/admin/usersessions/usersession/").content.decode()
    assert ('value="delete_selected"' in sessions) is offered


@pytest.mark.django_db
def test_an_administrator_changes_users_and_cannot_make_or_touch_a_superuser() -> None:
    model = get_user_model()
    administrator = model.objects.create_user("eve", is_staff=True)
    administrator.groups.add(Group.objects.get(name=ADMINISTRATORS.name))
    root = model.objects.create_superuser("root", password="one of root's")
    ann = model.objects.create_user("ann")
    client = client_of(administrator)
    ann_page, root_page = (f"/admin/accounts/user/{user.pk}/change/" for user in (ann, root))

    groups = [Group.objects.get(name=OPERATORS.name).pk]
    form = {"username": "ann", "is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": groups}
    form |= {"date_joined_0": "2026-11-28", "date_joined_1": "10:00:00"}
    assert client.post(ann_page, form).status_code == 302
    ann.refresh_from_db()
    assert (ann.is_staff, ann.is_superuser) == (True, False)
    assert Right.CONTROL in rights_of(ann)

    assert client.post(root_page, form | {"username": "mine"}).status_code == 403
    assert client.get(f"/admin/accounts/user/{root.pk}/password/").status_code == 403
    assert client.post(f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk, ann.pk], "post": "yes"}
    client.post("/admin/accounts/user/", chosen)
    assert set(model.objects.values_list("username", flat=True)) == {"eve", "root", "ann"}
