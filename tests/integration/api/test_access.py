"""Who may ask for what: every operation with every kind of caller."""

import threading
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, NamedTuple

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as site_settings
from django.contrib.auth import get_user_model
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from mdp_site.accounts.roles import ADMINISTRATORS, OPERATORS, VIEWERS, Role, maintain_roles
from mdp_site.accounts.scopes import MARKET_SCOPES, PERMITS, SCOPES, scopes_for
from mdp_site.api.assembly import document
from mdp_site.api.operations import DESCRIBED
from tests.support.api_site import BASE, ApiSite, Program
from tests.support.deadlines import eventually
from tests.support.widget_site import logged_in

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

WITHOUT_PERMISSION: Final = (
    *("get_openapi", "get_status", "list_boards", "list_alerts", "list_columns", "get_column", "list_feeds"),
)
NEEDS: Final = {
    **dict.fromkeys(WITHOUT_PERMISSION, ""),
    **dict.fromkeys(("get_board", "list_halts"), "boards"),
    **dict.fromkeys(("get_quote", "get_quotes"), "quotes"),
    **dict.fromkeys(("get_trades",), "trades"),
    **dict.fromkeys(("list_alert_entries",), "alerts"),
    **dict.fromkeys(
        (
            *("get_operations", "list_processes", "list_queues", "list_shards", "get_reference", "list_jobs"),
            *("list_services", "get_service", "list_revisions", "get_revision", "get_settings_at"),
            *("get_difference", "list_actions", "get_action", "list_runs", "get_run", "list_audit"),
        ),
        "operations",
    ),
    **dict.fromkeys(
        (
            *("change_service", "restore_service", "get_impact", "run_action"),
            *("list_tokens", "revoke_token"),
        ),
        "control",
    ),
}
"""What each operation needs. A new operation needs its line here."""
OF_THE_MARKET: Final = {name for name, needed in NEEDS.items() if needed not in {"operations", "control"}}


async def statuses(api: ApiSite, program: Program) -> dict[str, int]:
    """The status of every operation."""
    await api.make_examples()
    return {name: (await api.example(program, name)).status for name in NEEDS}


async def of_nobody(api: ApiSite) -> Program:
    return api.client()


async def of_a_user_with_a_session(api: ApiSite) -> Program:
    return api.client(Cookie=f"{site_settings.SESSION_COOKIE_NAME}={await logged_in('bob')}")


async def of_staff(api: ApiSite) -> Program:
    return await api.program("root", is_staff=True)


async def of_an_expired_token(api: ApiSite) -> Program:
    secret, token = await api.token("ada")
    token.expires_at = timezone.now()
    await sync_to_async(token.save)()
    return api.client(Authorization=f"Bearer {secret}")


async def of_a_revoked_token(api: ApiSite) -> Program:
    secret, token = await api.token("ada")
    await sync_to_async(token.revoke)()
    return api.client(Authorization=f"Bearer {secret}")


async def of_an_inactive_user(api: ApiSite) -> Program:
    program = await api.program("gone")
    await sync_to_async(get_user_model().objects.filter(username="gone").update)(is_active=False)
    return program


async def of_an_unknown_token(api: ApiSite) -> Program:
    return api.client(Authorization="Bearer mdp_" + "x" * 43)


async def of_another_scheme(api: ApiSite) -> Program:
    return api.client(Authorization="Basic YWRhOmFkYQ==")


def test_the_table_has_every_operation_of_the_document() -> None:
    documented = {
        operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()
    }
    assert documented == NEEDS.keys() == DESCRIBED.keys()
    for methods in document()["paths"].values():
        for operation in methods.values():
            *by_token, _ = operation["security"]
            scopes = {scope for login in by_token for scope in login["token"]}
            assert scopes == set(scopes_for(NEEDS[operation["operationId"]]))
    assert set(NEEDS.values()) == {""}.union(*PERMITS.values())


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (of_nobody, 401),
        (of_an_expired_token, 401),
        (of_a_revoked_token, 401),
        (of_an_inactive_user, 401),
        (of_an_unknown_token, 401),
        (of_another_scheme, 401),
    ],
)
async def test_every_operation_answers_every_kind_of_caller_alike(
    api: ApiSite, caller: Callable[[ApiSite], Awaitable[Program]], status: int
) -> None:
    assert await statuses(api, await caller(api)) == dict.fromkeys(NEEDS, status)


def expected(permissions: Collection[str]) -> dict[str, bool]:
    """Whether each operation is answered to a caller with these permissions."""
    return {name: needed in {"", *permissions} for name, needed in NEEDS.items()}


async def answered(api: ApiSite, program: Program) -> dict[str, bool]:
    """Whether each operation is answered; the others must be refused."""
    found = await statuses(api, program)
    assert set(found.values()) <= {200, 202, 403}
    return {name: status != 403 for name, status in found.items()}


class Person(NamedTuple):
    """A user, and what the roles of the user permit beyond market data."""

    role: Role | None
    is_staff: bool
    is_superuser: bool
    beyond_the_market: Collection[str]


PEOPLE: Final = {
    "user": Person(None, False, False, ()),
    "staff": Person(None, True, False, {"operations"}),
    "viewer": Person(VIEWERS, True, False, {"operations"}),
    "operator": Person(OPERATORS, True, False, {"operations", "control"}),
    "administrator": Person(ADMINISTRATORS, True, False, {"operations", "control"}),
    "superuser": Person(None, True, True, {"operations", "control"}),
    "superuser who is no staff": Person(None, False, True, ()),
    "operator who is no staff": Person(OPERATORS, False, False, ()),
}


@sync_to_async
def make_user(person: Person) -> None:
    user = get_user_model().objects.create(
        username="eve", is_staff=person.is_staff, is_superuser=person.is_superuser
    )
    if person.role is not None:
        user.groups.add(maintain_roles()[person.role])


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
@pytest.mark.parametrize("way", ["token with all scopes", "token for the market", "session"])
async def test_every_operation_asks_for_the_role_and_the_scope(
    api: ApiSite, way: str, person: Person
) -> None:
    await make_user(person)
    if way == "session":
        program = await api.page("eve")
    else:
        scopes = SCOPES if way == "token with all scopes" else MARKET_SCOPES
        program = await api.program("eve", *scopes, is_staff=person.is_staff)
    beyond = () if way == "token for the market" else person.beyond_the_market
    assert await answered(api, program) == expected({*MARKET_SCOPES, *beyond})


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_token_does_what_its_scope_permits_and_nothing_else(api: ApiSite, scope: str) -> None:
    program = await api.program("ann", scope, role=OPERATORS)
    assert await answered(api, program) == expected(PERMITS[scope])
    feeds = {feed["name"]: feed["permitted"] for feed in (await program.get("/feeds")).json["feeds"]}
    assert feeds["status"] is True
    assert sum(feeds.values()) < len(feeds)


async def test_a_missing_scope_is_named(api: ApiSite) -> None:
    answer = await (await api.program("ada", "boards")).get("/quotes/AAPL")
    assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert "'quotes'" in answer.json["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api", error="insufficient_scope"'


async def test_the_challenge_names_an_error_only_for_a_token(api: ApiSite) -> None:
    nobody = await api.client().get("/status")
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    stranger = await (await of_an_unknown_token(api)).get("/status")
    assert stranger.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


async def test_a_wrong_token_is_refused_also_beside_a_good_session(api: ApiSite) -> None:
    cookie = f"{site_settings.SESSION_COOKIE_NAME}={await logged_in('bob')}"
    assert (await api.client(Cookie=cookie).get("/status")).status == 200
    assert (await api.client(Cookie=cookie, Authorization="Bearer mdp_wrong").get("/status")).status == 401


async def test_a_token_that_is_revoked_between_two_requests_is_refused(api: ApiSite) -> None:
    secret, token = await api.token("ada")
    program = api.client(Authorization=f"Bearer {secret}")
    assert (await program.get("/status")).status == 200
    await sync_to_async(token.revoke)()

    async def is_refused() -> bool:
        return (await program.get("/status")).status == 401

    await eventually(is_refused, 6.0)


@pytest.mark.parametrize("caller", [of_a_user_with_a_session, of_staff])
async def test_no_request_asks_the_database_once_its_login_is_known(
    api: ApiSite, caller: Callable[[ApiSite], Awaitable[Program]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at all open logins does, in a thread of its own."""
    program = await caller(api)
    assert (await program.get("/status")).status == 200
    asked: list[str] = []
    execute = CursorWrapper.execute

    def noted(self: CursorWrapper, sql: str, params: Any = None) -> Any:
        asked.append(threading.current_thread().name)
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", noted)
    for name in OF_THE_MARKET:
        assert (await api.example(program, name)).status == 200
    asked_before = len(asked)
    await api.site.logins.look()
    assert len(asked) > asked_before, "the queries of a look are seen: this test has not lost its subject"
    assert [name for name in asked if not name.startswith(("logins", "tokens"))] == []


async def test_the_docs_page_is_for_users_and_needs_no_script_and_no_other_origin(api: ApiSite) -> None:
    path = f"{BASE}/docs"
    nobody = await api.client().ask("GET", path)
    assert (nobody.status, nobody.headers["Location"]) == (302, f"/accounts/login/?next={path}")
    user = await of_a_user_with_a_session(api)
    page = await user.ask("GET", path)
    text = page.body.decode()
    assert page.status == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for operation_id in NEEDS:
        assert f'id="{operation_id}"' in text
    content = text.partition("<main")[2]
    assert "<script" not in content
    assert "style=" not in content
    assert "://" not in content
