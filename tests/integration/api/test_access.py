"""Who may ask for what: every operation with every kind of caller."""

import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as site_settings
from django.contrib.auth import get_user_model
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from mdp_site.accounts.scopes import SCOPES
from mdp_site.api.assembly import document
from mdp_site.api.operations import DESCRIBED
from tests.support.api_site import BASE, ApiSite, Program
from tests.support.deadlines import eventually
from tests.support.widget_site import logged_in

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

EXAMPLES: Final = {operation_id: each.example for operation_id, each in DESCRIBED.items()}
NEEDS: Final = {operation_id: each.permission for operation_id, each in DESCRIBED.items()}


async def statuses(program: Program) -> dict[str, int]:
    """The status of every operation."""
    return {name: (await program.get(path)).status for name, path in EXAMPLES.items()}


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
    assert documented == EXAMPLES.keys()
    assert set(NEEDS.values()) == {"", *SCOPES}


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (of_nobody, 401),
        (of_an_expired_token, 401),
        (of_a_revoked_token, 401),
        (of_an_inactive_user, 401),
        (of_an_unknown_token, 401),
        (of_another_scheme, 401),
        (of_a_user_with_a_session, 200),
        (of_staff, 200),
    ],
)
async def test_every_operation_answers_every_kind_of_caller_alike(
    api: ApiSite, caller: Callable[[ApiSite], Awaitable[Program]], status: int
) -> None:
    assert await statuses(await caller(api)) == dict.fromkeys(EXAMPLES, status)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_token_reads_what_its_scope_permits_and_nothing_else(api: ApiSite, scope: str) -> None:
    program = await api.program("ada", scope)
    assert await statuses(program) == {
        name: 200 if needed in {"", scope} else 403 for name, needed in NEEDS.items()
    }
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
    for path in EXAMPLES.values():
        assert (await program.get(path)).status == 200
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
    for operation_id in EXAMPLES:
        assert f'id="{operation_id}"' in text
    content = text.partition("<main")[2]
    assert "<script" not in content
    assert "style=" not in content
    assert "://" not in content
