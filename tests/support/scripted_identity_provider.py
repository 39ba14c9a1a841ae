"""An OpenID Connect provider whose answers a test can change, with real signatures.

By default it is correct: discovery, keys, authorization (without a login page), tokens for a code (PKCE and
client secret are checked), and user information. A test can change any claim of the ID token or of the user
information, the header and key of the token, and each answer as a whole.

    async with ScriptedIdentityProvider() as provider:
        provider.id_token["email_verified"] = "true"
        provider.answers["discovery"] = status(500)
"""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from tests.support.services import free_port
from tests.support.site import CLIENT_SECRET

CLIENT_ID: Final = "market-data-platform"
ABSENT: Final = object()
"""As the value of a claim: the claim is omitted."""
PERSON: Final[dict[str, Any]] = {
    "sub": "ann-1",
    "email": "ann@example.com",
    "email_verified": True,
    "preferred_username": "ann",
    "given_name": "Ann",
    "family_name": "Example",
}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, text: str = "out of order", content_type: str = "text/plain") -> Answer:
    """Answer with this status and text."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=text, content_type=content_type)

    return answer


def raw(body: bytes | str, content_type: str = "application/json") -> Answer:
    """Answer 200 with this body."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        content = body.encode() if isinstance(body, str) else body
        return web.Response(body=content, content_type=content_type)

    return answer


def moved(where: str) -> Answer:
    """Answer with a redirect."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(where)

    return answer


async def silence(_request: web.Request) -> web.StreamResponse:
    """Receive the request and never answer."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def trickle(request: web.Request) -> web.StreamResponse:
    """Answer endlessly, one blank at a time, so that no single read times out."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.05)


async def flood(request: web.Request) -> web.StreamResponse:
    """Answer with endless blanks, as fast as the client reads them."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    while True:
        await answer.write(b" " * 65_536)


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


class ScriptedIdentityProvider:
    """Serves on a port of 127.0.0.1, in the event loop of the test. `reset` makes it correct again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self.other_key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self._codes: dict[str, dict[str, str]] = {}
        self._runner: web.AppRunner | None = None
        self.reset()

    def reset(self) -> None:
        """Undo all changes of a test."""
        self.person: dict[str, Any] = dict(PERSON)
        self.id_token: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.keys: list[dict[str, Any]] = [self.public_key("first")]
        self.answers: dict[str, Answer] = {}
        self.header: dict[str, Any] = {"kid": "first"}
        self.algorithm = "RS256"
        self.signing_key: Any = self._key
        self.callback_query: dict[str, Any] = {}
        """Changes to the query of the callback: further values, or ABSENT for values to omit."""
        self.asked: list[str] = []

    def public_key(self, kid: str, key: Any = None, **changes: Any) -> dict[str, Any]:
        """A member of the key set."""
        public = (key or self._key).public_key()
        return {
            **jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True),
            "kid": kid,
            "use": "sig",
        } | changes

    async def __aenter__(self) -> Self:
        application = web.Application()
        routes = {
            "/.well-known/openid-configuration": ("discovery", self._discovery),
            "/authorize": ("authorize", self._authorize),
            "/token": ("token", self._token),
            "/keys": ("keys", self._keys),
            "/userinfo": ("userinfo", self._userinfo),
        }
        for path, (name, usual) in routes.items():
            application.router.add_route("*", path, self._changeable(name, usual))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _changeable(self, name: str, usual: Answer) -> Answer:
        async def handler(request: web.Request) -> web.StreamResponse:
            self.asked.append(name)
            return await self.answers.get(name, usual)(request)

        return handler

    async def _discovery(self, _request: web.Request) -> web.StreamResponse:
        usual = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return _json(usual | self.discovery)

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"]} | self.callback_query
        query = {name: value for name, value in back.items() if value is not ABSENT}
        raise web.HTTPFound(URL(asked["redirect_uri"]).with_query(query))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        asked = self._codes.pop(str(form.get("code")), None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"] or not _knows(form, asked):
            return web.json_response({"error": "invalid_grant"}, status=400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '%20')}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {expected}":
                return web.json_response({"error": "invalid_client"}, status=401)
        answer = {"access_token": "opaque", "token_type": "Bearer", "id_token": self._signed(asked["nonce"])}
        return _json(answer | self.token)

    def _signed(self, nonce: str) -> str:
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {
            name: value
            for name, value in (usual | self.person | self.id_token).items()
            if value is not ABSENT
        }
        signer = jwt.PyJWS()
        return signer.encode(
            json.dumps(claims).encode(), self.signing_key, algorithm=self.algorithm, headers=self.header
        )

    async def _keys(self, _request: web.Request) -> web.StreamResponse:
        return _json({"keys": self.keys})

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer opaque"
        return _json(self.person | self.userinfo)


def _json(values: dict[str, Any]) -> web.Response:
    present = {name: value for name, value in values.items() if value is not ABSENT}
    return web.Response(body=json.dumps(present).encode(), content_type="application/json")


def _knows(form: Any, asked: dict[str, str]) -> bool:
    digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
