"""What surrounds a login, on the real site: sessions, lock-outs, odd headers, methods, tokens, caches."""

import secrets

import aiohttp
import pytest

from tests.support.deadlines import scaled
from tests.support.login_site import (
    STAFF_PASSWORD,
    attempt,
    count,
    has_entered,
    make_local_staff,
    rows,
)
from tests.support.scripted_identity_provider import ScriptedIdentityProvider
from tests.support.site import Site, Visitor

CLOSED_BY_LOGIN_END = 4401
PURGE = "from mdp_site.jobs.purge import purge_expired_sessions as purge; print(purge())"


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """The same site, with a member of staff who has a password."""
    make_local_staff(site, "root")
    return site


async def log_in_by_password(
    visitor: Visitor, site: Site, name: str, password: str = STAFF_PASSWORD
) -> Visitor:
    await visitor.open(f"{site.url}/admin/")
    await visitor.post(
        f"{site.url}/admin/login/", [("username", name), ("password", password), ("next", "/admin/")]
    )
    return visitor


async def close_code_of(socket: aiohttp.ClientWebSocketResponse[bool]) -> int | None:
    while not socket.closed:
        await socket.receive(timeout=scaled(5))
    return socket.close_code


async def test_sessions_by_password_are_listed_and_end_with_their_sockets_when_told(
    site: Site, visitor: Visitor
) -> None:
    await log_in_by_password(visitor, site, "root")
    assert visitor.status == 200
    async with Visitor(**{"User-Agent": "a forgotten browser"}) as forgotten:
        await log_in_by_password(forgotten, site, "root")
        async with forgotten.socket(site.url) as socket:
            assert (await socket.receive_json())["type"] == "welcome"
            await visitor.open(f"{site.url}/accounts/sessions/")
            assert "a forgotten browser" in visitor.page
            assert "this one" in visitor.page
            await visitor.send_form(1)  # the first form is the page header's logout
            assert await close_code_of(socket) == CLOSED_BY_LOGIN_END
        await forgotten.open(f"{site.url}/admin/")
        assert forgotten.url.path == "/admin/login/"
    await visitor.open(f"{site.url}/admin/")
    assert visitor.url.path == "/admin/"


async def test_a_session_under_a_new_key_after_a_change_of_password_is_listed(
    site: Site, visitor: Visitor
) -> None:
    make_local_staff(site, "changer")
    await log_in_by_password(visitor, site, "changer")
    new = "another long password of staff"
    await visitor.post(
        f"{site.url}/admin/password_change/",
        [("old_password", STAFF_PASSWORD), ("new_password1", new), ("new_password2", new)],
    )
    assert "Password change successful" in visitor.page
    key = visitor.cookie("mdp_session", site.url)
    assert rows(site, "SELECT count(*) FROM usersessions_usersession WHERE session_key = ?", key) == [(1,)]


async def test_an_operator_ends_a_session_by_deleting_it_in_the_admin(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    async with Visitor() as trader:
        await attempt(trader, site)
        key = trader.cookie("mdp_session", site.url)
        (number,) = rows(site, "SELECT id FROM usersessions_usersession WHERE session_key = ?", key)[0]
        provider.person |= {"sub": "operator-1", "realm_access": {"roles": ["operators"]}}
        await attempt(visitor, site, "/admin/usersessions/usersession/")
        assert key not in visitor.page
        async with trader.socket(site.url) as socket:
            await socket.receive_json()
            await visitor.post(
                f"{site.url}/admin/usersessions/usersession/{number}/delete/", [("post", "yes")]
            )
            assert visitor.status == 200
            assert await close_code_of(socket) == CLOSED_BY_LOGIN_END
        await trader.open(f"{site.url}/")
        assert trader.url.path == "/accounts/login/"


async def test_strangers_cannot_lock_a_member_of_staff_out(site: Site, visitor: Visitor) -> None:
    make_local_staff(site, "target")
    async with Visitor(**{"X-Forwarded-For": "203.0.113.9"}) as stranger:
        for _ in range(7):
            await log_in_by_password(stranger, site, "target", "a guess")
        assert "Too many failed login attempts" in stranger.page
        await log_in_by_password(stranger, site, "target")
        assert stranger.url.path == "/admin/login/"
    await log_in_by_password(visitor, site, "target")
    assert visitor.url.path == "/admin/"


@pytest.mark.parametrize(
    "forwarded",
    ["unknown", "_hidden", "203.0.113.9:80:80", "", ",", "x" * 5_000, "999.1.1.1", "::1%", "[::1"],
)
async def test_a_client_address_that_is_none_keeps_nobody_out_and_lets_nobody_in(
    site: Site, provider: ScriptedIdentityProvider, forwarded: str
) -> None:
    async with Visitor(**{"X-Forwarded-For": forwarded}) as visitor:
        assert has_entered(await attempt(visitor, site))
        await visitor.open(f"{site.url}/accounts/sessions/")
        assert visitor.status == 200
        metrics = await visitor.ask("GET", f"{site.url}/metrics")
        # An empty text names nobody: then the proxy itself is the client, and on this machine inside.
        assert metrics.status == (200 if forwarded in ("", ",") or forwarded.startswith("::1") else 403)
    assert "Internal Server Error" not in site.log


HEADERS = {
    "X-Forwarded-Proto": "gopher",
    "Accept-Language": "x" * 4_000,
    "Referer": "http://[",
    "Cookie": "mdp_session=../../etc; mdp_csrf=;;=;\xff",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=unknown;host=evil.example",
}


@pytest.mark.parametrize("name", HEADERS)
async def test_odd_texts_in_other_headers_cost_no_login(
    site: Site, provider: ScriptedIdentityProvider, name: str
) -> None:
    headers = {name: HEADERS[name]} if name != "Cookie" else {}
    async with Visitor(**headers) as visitor:
        if name == "Cookie":
            answer = await visitor.ask("GET", f"{site.url}/", Cookie=HEADERS[name])
            assert answer.status == 302
        else:
            assert has_entered(await attempt(visitor, site))
    assert "Internal Server Error" not in site.log


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "page", ["login/", "oidc/oidc/login/", "oidc/oidc/login/callback/", "sessions/", "logout/"]
)
async def test_other_methods_at_the_login_are_refused_and_leave_nothing(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, page: str, method: str
) -> None:
    before = count(site, "django_session")
    answer = await visitor.ask(method, f"{site.url}/accounts/{page}")
    assert answer.status in ({405, 403} if method in ("PUT", "DELETE", "PATCH") else {405})
    assert count(site, "django_session") == before
    assert provider.asked == []


async def test_who_does_not_come_back_from_the_provider_leaves_no_session_for_long(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await visitor.open(f"{site.url}/accounts/login/")
    token = visitor.cookie("mdp_csrf", site.url)
    headers = {"Origin": site.url, "X-CSRFToken": token}
    answer = await visitor.ask("POST", f"{site.url}/accounts/oidc/oidc/login/", **headers)
    assert answer.status == 302
    key = answer.cookies["mdp_session"].value
    left = (
        "SELECT (julianday(expire_date) - julianday('now')) * 1440 FROM django_session WHERE session_key = ?"
    )
    assert rows(site, left, key)[0][0] <= 10.1

    assert has_entered(await attempt(visitor, site))
    assert rows(site, left, visitor.cookie("mdp_session", site.url))[0][0] > 10_000


async def test_a_job_purges_expired_sessions_and_their_rows_in_the_list(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site)
    key = visitor.cookie("mdp_session", site.url)
    expire = (
        "from django.contrib.sessions.models import Session;"
        f"Session.objects.filter(pk={key!r}).update(expire_date='2020-01-01T00:00Z');"
    )
    assert " expired sessions deleted" in site.manage("shell", "--no-imports", "-c", expire + PURGE)
    for table in ("django_session", "usersessions_usersession"):
        assert rows(site, f"SELECT count(*) FROM {table} WHERE session_key = ?", key) == [(0,)]  # noqa: S608
    schedule = rows(site, "SELECT func, minutes FROM django_q_schedule WHERE name = 'purge expired sessions'")
    assert schedule == [("mdp_site.jobs.purge.purge_expired_sessions", 60)]


PAGES = ["/", "/accounts/sessions/", "/accounts/tokens/", "/accounts/logout/", "/admin/", "/nowhere"]


@pytest.mark.parametrize(
    "page", [*PAGES, "/accounts/login/", "/accounts/inactive/", "/admin/login/", "/readyz"]
)
async def test_no_page_is_kept_by_browsers_or_caches(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, page: str
) -> None:
    provider.person["realm_access"] = {"roles": ["operators"]}
    assert (await visitor.ask("GET", site.url + page)).headers["Cache-Control"] == "private, no-store"
    await attempt(visitor, site)
    assert (await visitor.ask("GET", site.url + page)).headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "page",
    [
        "3rdparty/",
        "3rdparty/signup/",
        "3rdparty/login/cancelled/",
        "3rdparty/login/error/",
        "social/connections/",
        "signup/",
        "email/",
        "password/change/",
        "password/reset/",
        "reauthenticate/",
        "oidc/other/login/",
        "oidc/oidc/",
        "",
    ],
)
async def test_nothing_of_the_login_library_is_there_that_no_page_offers(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, page: str
) -> None:
    await attempt(visitor, site)
    assert (await visitor.ask("GET", f"{site.url}/accounts/{page}")).status == 404
    await visitor.post(f"{site.url}/accounts/{page}", [("account", "1")])
    assert visitor.status == 404


async def test_people_make_see_and_revoke_tokens_on_a_page(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site, "/accounts/tokens/")
    assert "None yet." in visitor.page
    await visitor.send_form(1, name="morning <report>", days="30", scopes="boards")
    raw = visitor.page.split("data-secret>")[1].split("<")[0]
    assert raw.startswith("mdp_")
    assert "morning &lt;report&gt;" in visitor.page
    await visitor.open(f"{site.url}/accounts/tokens/")
    assert raw not in visitor.page
    assert raw[:12] in visitor.page
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {raw}"}) as program,
        program.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",)) as socket,
    ):
        assert (await socket.receive_json())["type"] == "welcome"
        await visitor.send_form(2)  # after the page header's logout and the form for a new one
        assert await close_code_of(socket) == CLOSED_BY_LOGIN_END
    assert "revoked" in visitor.page
    assert raw not in site.log


async def test_nobody_revokes_the_token_of_another_or_makes_one_from_a_foreign_page(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site, "/accounts/tokens/")
    await visitor.send_form(1, name="mine", days="0", scopes="boards")
    number = rows(site, "SELECT max(id) FROM accounts_apitoken")[0][0]
    provider.person["sub"] = secrets.token_hex(8)
    async with Visitor() as other:
        await attempt(other, site)
        await other.post(f"{site.url}/accounts/tokens/{number}/revoke/", [])
        assert other.status == 404
        answer = await other.ask("POST", f"{site.url}/accounts/tokens/", Origin="https://evil.example")
        assert answer.status == 403
    assert rows(site, "SELECT revoked_at FROM accounts_apitoken WHERE id = ?", number) == [(None,)]


async def test_the_port_and_capitals_in_host_make_no_stranger_of_a_page(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    host = f"LocalHost:{site.port}"
    page = await visitor.ask("GET", f"{site.url}/accounts/login/", Host=host)
    token = page.cookies["mdp_csrf"].value
    headers = {"Host": host, "Origin": f"http://localhost:{site.port}", "X-CSRFToken": token}
    cookie = {"Cookie": f"mdp_csrf={token}"}
    answer = await visitor.ask("POST", f"{site.url}/accounts/oidc/oidc/login/", **headers, **cookie)
    assert answer.status == 302
    assert f"redirect_uri=http%3A%2F%2Flocalhost%3A{site.port}%2F" in answer.headers["Location"]

    await attempt(visitor, site)
    async with visitor.socket(
        site.url, Host=f"LOCALHOST:{site.port}", Origin=f"http://localhost:{site.port}"
    ) as ws:
        assert (await ws.receive_json())["type"] == "welcome"
