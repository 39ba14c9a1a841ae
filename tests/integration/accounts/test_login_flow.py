"""Login from end to end: a visitor, the site and the embedded provider, each a process of its own."""

import json
import stat
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from yarl import URL

from tests.support.deadlines import scaled
from tests.support.services import free_port
from tests.support.site import IdentityProvider, Site, Visitor

CLOSED_BY_LOGIN_END = 4401


@pytest.fixture(scope="module")
def site_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(site_port: int) -> Iterator[IdentityProvider]:
    with IdentityProvider(site_port) as server:
        yield server


@pytest.fixture(scope="module")
def site(site_port: int, provider: IdentityProvider, redis_url: str) -> Iterator[Site]:
    with Site(redis_url=redis_url, oidc_url=provider.url, port=site_port) as server:
        yield server


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with Visitor() as one:
        yield one


async def close_code_of(socket: aiohttp.ClientWebSocketResponse[bool]) -> int | None:
    """Read on until the server closes the socket."""
    while not socket.closed:
        await socket.receive(timeout=scaled(5))
    return socket.close_code


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_a_visitor_logs_in_through_the_provider(site: Site, visitor: Visitor, name: str) -> None:
    address = site.url.replace("127.0.0.1", name)
    await visitor.open(f"{address}/")
    assert visitor.url.path == "/accounts/login/"
    assert "Continue with the test provider" in visitor.page

    await visitor.send_form()
    assert visitor.url.host == "127.0.0.1"
    assert visitor.url.path == "/accounts/login/"
    authorize = next(url for url in visitor.visited if url.path == "/identity/o/authorize")
    assert authorize.query["response_type"] == "code"
    assert authorize.query["code_challenge_method"] == "S256"
    assert authorize.query["redirect_uri"] == f"{address}/accounts/oidc/oidc/login/callback/"

    await visitor.send_form(login="demo", password="correct horse battery staple")
    assert (visitor.status, visitor.url) == (200, URL(f"{address}/"))
    assert '<span class="user-name" title="demo">' in visitor.page


async def test_a_wrong_password_stays_with_the_provider(
    site: Site, provider: IdentityProvider, visitor: Visitor
) -> None:
    await visitor.log_in(site.url, password="wrong")
    assert visitor.url.port == provider.port
    assert "not correct" in visitor.page
    assert visitor.cookie("mdp_identity_session", provider.url) == ""


async def test_the_providers_group_makes_staff(site: Site, visitor: Visitor) -> None:
    await visitor.log_in(site.url)
    await visitor.open(f"{site.url}/admin/")
    assert visitor.status == 200
    assert "Control plane" in visitor.page


async def test_an_answer_that_nobody_asked_for_logs_nobody_in(site: Site, visitor: Visitor) -> None:
    await visitor.open(f"{site.url}/accounts/oidc/oidc/login/callback/?code=stolen&state=guessed")
    assert "Login failed" in visitor.page
    await visitor.open(f"{site.url}/")
    assert visitor.url.path == "/accounts/login/"


async def test_a_person_who_is_not_on_the_list_is_told_so(
    provider: IdentityProvider, site: Site, visitor: Visitor, redis_url: str
) -> None:
    site.stop()  # the provider knows one redirect address: the port is lent to a stricter site
    try:
        with Site(
            redis_url=redis_url,
            oidc_url=provider.url,
            port=site.port,
            OIDC_ALLOWED_DOMAINS="elsewhere.example",
        ) as strict:
            await visitor.log_in(strict.url)
            assert visitor.status == 403
            assert "demo@example.com" in visitor.page
            await visitor.open(f"{strict.url}/")
            assert visitor.url.path == "/accounts/login/"
    finally:
        site.start()


async def test_pages_forbid_foreign_scripts_and_let_the_form_reach_the_provider(
    site: Site, provider: IdentityProvider
) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{site.url}/accounts/login/") as answer:
        policy = dict(
            directive.strip().split(" ", 1)
            for directive in answer.headers["Content-Security-Policy"].split(";")
        )
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in " ".join(policy.values())
    assert policy["form-action"].split() == ["'self'", provider.url]
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_looking_at_the_logout_page_logs_nobody_out(site: Site, visitor: Visitor) -> None:
    await visitor.log_in(site.url)
    await visitor.open(f"{site.url}/accounts/logout/")
    await visitor.open(f"{site.url}/")
    assert visitor.url.path == "/"


async def test_logging_out_closes_the_sockets_of_this_session_only(site: Site, visitor: Visitor) -> None:
    await visitor.log_in(site.url)
    async with Visitor() as elsewhere:
        await elsewhere.log_in(site.url)
        async with visitor.socket(site.url) as ended, elsewhere.socket(site.url) as kept:
            assert (await ended.receive_json())["type"] == "welcome"
            assert (await kept.receive_json())["type"] == "welcome"
            await visitor.open(f"{site.url}/accounts/logout/")
            await visitor.send_form()
            assert visitor.url.path == "/accounts/login/"
            assert await close_code_of(ended) == CLOSED_BY_LOGIN_END
            await kept.send_json({"type": "ping", "id": 1})
            while (answer := await kept.receive_json(timeout=scaled(5)))["type"] == "status":
                pass
            assert answer == {"type": "pong", "id": 1}


async def test_other_sessions_can_be_ended_from_the_list(site: Site, visitor: Visitor) -> None:
    await visitor.log_in(site.url)
    async with Visitor() as elsewhere:
        await elsewhere.log_in(site.url)
        async with elsewhere.socket(site.url) as socket:
            await socket.receive_json()
            await visitor.open(f"{site.url}/accounts/sessions/")
            assert "this one" in visitor.page
            await visitor.send_form(1)  # the first form is the page header's logout
            assert await close_code_of(socket) == CLOSED_BY_LOGIN_END
        await elsewhere.open(f"{site.url}/")
        assert elsewhere.url.path == "/accounts/login/"


async def test_deactivating_a_user_closes_every_socket(site: Site, visitor: Visitor) -> None:
    await visitor.log_in(site.url)
    program = (
        "from mdp_site.accounts.models import User;"
        "user = User.objects.get(username='demo'); user.is_active = {}; user.save()"
    )
    async with visitor.socket(site.url) as socket:
        await socket.receive_json()
        site.manage("shell", "--no-imports", "-c", program.format(False))
        assert await close_code_of(socket) == CLOSED_BY_LOGIN_END
    await visitor.log_in(site.url)
    assert "switched off" in visitor.page
    site.manage("shell", "--no-imports", "-c", program.format(True))


async def test_a_program_comes_in_by_token_until_it_is_revoked(site: Site, visitor: Visitor) -> None:
    await visitor.log_in(site.url)
    raw = site.manage("create_api_token", "demo", "--name", "ticker").strip()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {raw}"}) as program:
        async with program.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",)) as socket:
            assert (await socket.receive_json())["type"] == "welcome"
            site.manage(
                "shell",
                "--no-imports",
                "-c",
                "from mdp_site.accounts.models import ApiToken; ApiToken.objects.get().revoke()",
            )
            assert await close_code_of(socket) == CLOSED_BY_LOGIN_END
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await program.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",))
    assert refused.value.status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_cannot_use_the_visitors_session(
    site: Site, visitor: Visitor, origin: str
) -> None:
    await visitor.log_in(site.url)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await visitor.socket(site.url, Origin=origin)
    assert refused.value.status == 403


async def test_the_anonymous_cannot_open_a_socket(site: Site, visitor: Visitor) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await visitor.socket(site.url)
    assert refused.value.status == 403


async def test_the_site_says_that_it_is_ready_and_shows_its_metrics(site: Site, visitor: Visitor) -> None:
    await visitor.open(f"{site.url}/readyz")
    state = json.loads(visitor.page)
    assert (visitor.status, state["ready"], state["unready"]) == (200, True, {})
    assert state["data"]["state"] == "no_listener"
    await visitor.open(f"{site.url}/metrics")
    assert "# TYPE" in visitor.page


async def test_the_provider_remembers_its_visitors_over_a_restart(
    site: Site, provider: IdentityProvider, visitor: Visitor
) -> None:
    await visitor.log_in(site.url)
    await visitor.open(f"{site.url}/accounts/logout/")
    await visitor.send_form()
    provider.restart()
    await visitor.open(f"{site.url}/")
    await visitor.send_form()
    assert (visitor.status, visitor.url) == (200, URL(f"{site.url}/"))


def test_a_provider_without_secrets_makes_its_own_and_says_how_to_log_in(site_port: int) -> None:
    with IdentityProvider(site_port, OIDC_CLIENT_SECRET="", DEMO_PASSWORD="") as unconfigured:
        state = unconfigured.directory / "state"
        password = (state / "demo_password").read_text()
        assert f"log in as demo with the password in {state / 'demo_password'}" in unconfigured.log
        assert password not in unconfigured.log
        for name in ("client_secret", "demo_password", "secret_key", "signing_key.pem"):
            assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
