"""A provider that fails, or whose answers prove nothing: the login fails in bounded time, without traces."""

import asyncio
import json
import time
from typing import Any, Final

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.support.deadlines import eventually, scaled
from tests.support.login_site import accounts, attempt, has_entered
from tests.support.scripted_identity_provider import (
    ABSENT,
    Answer,
    ScriptedIdentityProvider,
    flood,
    hang_up,
    moved,
    raw,
    silence,
    status,
    trickle,
)
from tests.support.site import Site, Visitor

TIMEOUT_SECONDS: Final = 2.0
ROOM_SECONDS: Final = 3.0
PROVIDER_FAILED: Final = "login failed: the identity provider does not serve"


def logged(site: Site, event: str) -> list[dict[str, Any]]:
    """The lines of the site's log about an event."""
    lines = (json.loads(line) for line in site.log.splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == event]


async def assert_told_as_trouble(site: Site, visitor: Visitor, step: str) -> None:
    """A login now fails: soon, with a page that says so, a line that operators can act on, and no traces."""
    before, lines = accounts(site), len(logged(site, PROVIDER_FAILED))
    started = time.monotonic()
    await attempt(visitor, site)
    assert time.monotonic() - started < scaled(TIMEOUT_SECONDS + ROOM_SECONDS)
    assert (visitor.status, accounts(site)) == (503, before)
    assert "Login failed" in visitor.page
    assert "Try again" in visitor.page
    new = logged(site, PROVIDER_FAILED)[lines:]
    assert [line["step"] for line in new] == [step]
    assert new[0]["look_at"]
    assert new[0]["reason"]
    assert "Internal Server Error" not in site.log


ODD_ANSWERS: Final[dict[str, Answer]] = {
    "HTML": raw("<!doctype html><title>Maintenance</title>", "text/html"),
    "status 500": status(500),
    "status 503 with JSON": status(503, '{"error": "temporarily_unavailable"}', "application/json"),
    "status 404": status(404),
    "status 401 with HTML": status(401, "<h1>no</h1>", "text/html"),
    "nothing": raw(b""),
    "cut JSON": raw('{"issuer": "http://'),
    "a list": raw("[]"),
    "null": raw("null"),
    "a number": raw("7"),
    "text": raw('"issuer"'),
    "an empty object": raw("{}"),
    "fields of other kinds": raw(
        '{"issuer": 1, "jwks_uri": [], "token_endpoint": {}, "id_token": 5, "access_token": []}'
    ),
    "no UTF-8": raw(b'{"issuer": "\xff"}'),
    "deep nesting": raw("[" * 100_000),
    "another place": moved("http://127.0.0.1:1/"),
    "silence": silence,
    "a trickle": trickle,
    "a flood": flood,
    "a cut connection": hang_up,
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
@pytest.mark.parametrize("step", ["discovery", "token"])
async def test_trouble_of_the_provider_is_told_as_such(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, step: str, answer: Answer
) -> None:
    provider.answers[step] = answer
    await assert_told_as_trouble(site, visitor, step)
    provider.answers.clear()
    assert has_entered(await attempt(visitor, site))


@pytest.mark.parametrize("name", ["HTML", "status 500", "a list", "silence", "a trickle", "a cut connection"])
@pytest.mark.parametrize("step", ["keys", "userinfo"])
async def test_trouble_with_keys_or_user_information_is_told_as_such(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, step: str, name: str
) -> None:
    provider.answers[step] = ODD_ANSWERS[name]
    await assert_told_as_trouble(site, visitor, step)


async def test_a_provider_that_is_away_is_told_as_such(
    site: Site, unserved: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await assert_told_as_trouble(site, visitor, "discovery")


async def test_a_provider_that_goes_away_during_a_login_is_told_as_such(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    async def discovery_once(request: web.Request) -> web.StreamResponse:
        provider.answers["discovery"] = status(502)
        return await provider._discovery(request)

    provider.answers["discovery"] = discovery_once
    await assert_told_as_trouble(site, visitor, "discovery")


async def test_other_pages_are_served_while_the_provider_is_silent(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.answers["discovery"] = silence
    await visitor.open(f"{site.url}/")
    async with Visitor() as other:
        waiting = asyncio.create_task(visitor.send_form())
        await eventually(lambda: "discovery" in provider.asked, 5.0)
        started = time.monotonic()
        await other.open(f"{site.url}/accounts/login/")
        assert (other.status, waiting.done()) == (200, False)
        assert time.monotonic() - started < scaled(TIMEOUT_SECONDS)
        await waiting


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": ""},
        {"authorization_endpoint": "http://127.0.0.1:1/x?x=\ud800"},
        {"authorization_endpoint": ABSENT},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "http://["},
        {"userinfo_endpoint": 7},
    ],
)
async def test_a_discovery_document_is_not_believed_blindly(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, changes: dict[str, Any]
) -> None:
    provider.discovery |= changes
    await assert_told_as_trouble(site, visitor, "discovery")


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"], ABSENT, 7, [None]])
async def test_the_site_proves_itself_in_the_way_that_the_provider_takes(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, methods: Any
) -> None:
    provider.discovery["token_endpoint_auth_methods_supported"] = methods
    assert has_entered(await attempt(visitor, site))


@pytest.mark.parametrize(
    "bent",
    [
        {"id_token": {"iss": "https://evil.example"}},
        {"id_token": {"aud": "another site"}},
        {"id_token": {"aud": ["market-data-platform", "another site"]}},
        {"id_token": {"azp": "another site"}},
        {"id_token": {"nonce": "of another login"}},
        {"id_token": {"nonce": ABSENT}},
        {"id_token": {"exp": 1}},
        {"id_token": {"exp": ABSENT}},
        {"id_token": {"iat": 2**50}},
        {"header": {"kid": "unknown"}},
        {"keys": []},
        {"algorithm": "HS256", "signing_key": "shared by the two processes of one test run"},
        {"algorithm": "none", "signing_key": None},
        {"token": {"id_token": "no.token.atall"}},
        {"token": {"id_token": ""}},
        {"callback_query": {"iss": "https://evil.example"}},
    ],
)
async def test_a_token_that_proves_nothing_logs_nobody_in(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, bent: dict[str, Any]
) -> None:
    for name, value in bent.items():
        setattr(provider, name, value)
    before = accounts(site)
    await attempt(visitor, site)
    assert (visitor.status, accounts(site)) == (403, before)
    assert "Login failed" in visitor.page
    await visitor.open(f"{site.url}/")
    assert visitor.url.path == "/accounts/login/"


async def test_a_foreign_signature_logs_nobody_in(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.signing_key = provider.other_key
    await attempt(visitor, site)
    assert visitor.status == 403
    assert any("signature" in line["reason"] for line in logged(site, "login refused"))


async def test_without_an_id_token_nobody_logs_in(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.token["id_token"] = ABSENT
    await assert_told_as_trouble(site, visitor, "token")


async def test_keys_may_be_exchanged_and_of_other_kinds(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    curve, edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    provider.keys += [
        jwt.algorithms.ECAlgorithm.to_jwk(curve.public_key(), as_dict=True) | {"kid": "curve"},
        jwt.algorithms.OKPAlgorithm.to_jwk(edwards.public_key(), as_dict=True) | {"kid": "edwards"},
    ]
    for kid, algorithm, key in (("curve", "ES256", curve), ("edwards", "EdDSA", edwards)):
        provider.header, provider.algorithm, provider.signing_key = {"kid": kid}, algorithm, key
        async with Visitor() as one:
            assert has_entered(await attempt(one, site))


@pytest.mark.parametrize("error", ["access_denied", "login_required", "consent_required"])
@pytest.mark.parametrize("state", [True, False], ids=["with state", "without state"])
async def test_declining_at_the_provider_is_told_as_such(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, error: str, state: bool
) -> None:
    provider.callback_query = {"code": ABSENT, "error": error} | ({} if state else {"state": ABSENT})
    await attempt(visitor, site)
    assert visitor.status == 403
    assert "You left the provider" in visitor.page
    assert "Login cancelled" in visitor.page


@pytest.mark.parametrize(
    "error", ["server_error", "temporarily_unavailable", "invalid_scope", "", "\x00'<b>"]
)
async def test_other_errors_of_the_provider_are_trouble(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, error: str
) -> None:
    provider.callback_query = {"code": ABSENT, "error": error}
    await assert_told_as_trouble(site, visitor, "authorization")


async def test_a_callback_works_once_and_only_in_the_browser_that_began(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site)
    callback = next(url for url in visitor.visited if url.path.endswith("/callback/"))
    async with Visitor() as thief:
        for one in (thief, visitor):
            await one.open(str(callback))
            assert one.status == 403
            assert "Login failed" in one.page
        await thief.open(f"{site.url}/")
        assert thief.url.path == "/accounts/login/"


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=&state=", "?code=x&state=%00", "?iss=x"])
async def test_a_callback_that_nobody_asked_for_is_no_login(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, query: str
) -> None:
    await visitor.open(f"{site.url}/accounts/oidc/oidc/login/callback/{query}")
    assert visitor.status == 403
    assert "Login failed" in visitor.page
