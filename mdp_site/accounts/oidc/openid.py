"""The conversation with the OpenID Connect provider: discovery, code for tokens, keys and user information.

Every answer is bounded in size, each conversation in time, redirects are not followed, and whatever goes
wrong becomes one of the two errors of `failures`, which name the step.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import aiohttp
import msgspec

from mdp_site.accounts.oidc.failures import AnswerRefused, IdentityProviderUnavailable
from mdp_site.accounts.oidc.tokens import verified_claims

MAX_ANSWER_BYTES: Final = 1024 * 1024
MAX_REASON_LENGTH: Final = 200
WELL_KNOWN: Final = "/.well-known/openid-configuration"

T = TypeVar("T")


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What site and provider agreed on. `server_url`: where it answers; `issuer`: its name in tokens.

    `timeout_seconds` is for all requests of a step of the login together.
    """

    server_url: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    timeout_seconds: float


class Discovery(msgspec.Struct, frozen=True):
    """What the provider says about itself; only what is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: Any = None


class TokenAnswer(msgspec.Struct, frozen=True):
    """What comes for a code. Without an ID token nobody has logged in."""

    id_token: str
    access_token: str | None = None


class Said(msgspec.Struct, frozen=True):
    """The claims of a login: the ID token's, checked, and the user information endpoint's as they came."""

    id_token: Mapping[str, Any]
    userinfo: Mapping[str, Any] | None


async def authorization_url(
    registration: Registration, *, redirect_uri: str, state: str, nonce: str, challenge: Mapping[str, str]
) -> str:
    """Where the browser goes to log in.

    Raises:
        IdentityProviderUnavailable: discovery does not answer, or not as it should.
    """
    async with _conversation(registration.timeout_seconds) as talk:
        discovery = await talk.discover(registration)
    parts = urlsplit(discovery.authorization_endpoint)
    query = {
        **dict(parse_qsl(parts.query)),
        "client_id": registration.client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": " ".join(registration.scopes),
        "state": state,
        "nonce": nonce,
        **challenge,
    }
    return urlunsplit(parts._replace(query=urlencode(query), fragment=""))


async def who_logged_in(
    registration: Registration,
    *,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    nonce: str,
    named_issuer: str | None,
) -> Said:
    """Exchange the code of a callback for claims. `named_issuer`: the callback's own `iss` (RFC 9207).

    Raises:
        IdentityProviderUnavailable: a part of the provider is away, slow or broken, or refuses the site.
        AnswerRefused: an answer that proves nothing.
    """
    async with _conversation(registration.timeout_seconds) as talk:
        discovery = await talk.discover(registration)
        if named_issuer is not None and named_issuer != discovery.issuer:
            raise AnswerRefused("callback", "iss is another provider's")
        tokens = await talk.exchange(registration, discovery, code, code_verifier, redirect_uri)
        claims = verified_claims(
            tokens.id_token,
            await talk.json("keys", discovery.jwks_uri, dict[str, Any]),
            issuer=discovery.issuer,
            client_id=registration.client_id,
            nonce=nonce,
        )
        return Said(claims, await talk.userinfo(discovery, tokens.access_token))


@asynccontextmanager
async def _conversation(timeout_seconds: float) -> AsyncIterator["_Conversation"]:
    # The system's proxies and certificates are used, as every other program of the machine does.
    async with aiohttp.ClientSession(trust_env=True, headers={"Accept": "application/json"}) as http:
        talk = _Conversation(http)
        try:
            async with asyncio.timeout(timeout_seconds):
                yield talk
        except TimeoutError as error:
            raise IdentityProviderUnavailable(
                talk.step, f"no whole answer within OIDC_TIMEOUT_SECONDS ({timeout_seconds:.0f} s)"
            ) from error


class _Conversation:
    """The requests of one login; `step` is the one that is under way."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.step = ""

    async def discover(self, registration: Registration) -> Discovery:
        server = registration.server_url
        url = server if "/.well-known/" in server else server.rstrip("/") + WELL_KNOWN
        found = await self.json("discovery", url, Discovery)
        if found.issuer.rstrip("/") != registration.issuer.rstrip("/"):
            raise IdentityProviderUnavailable(
                self.step,
                f"issuer is {found.issuer[:MAX_REASON_LENGTH]!r}; accepted: {registration.issuer!r}",
            )
        secure = urlsplit(found.issuer).scheme == "https"
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            address = getattr(found, name)
            if address is not None and not _is_address(address, secure=secure):
                accepted = "https://" if secure else "http:// or https://"
                raise IdentityProviderUnavailable(
                    self.step, f"{name} is {address[:MAX_REASON_LENGTH]!r}; accepted: {accepted}"
                )
        return found

    async def exchange(
        self, registration: Registration, discovery: Discovery, code: str, verifier: str, redirect_uri: str
    ) -> TokenAnswer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        methods = discovery.token_endpoint_auth_methods_supported
        if (
            isinstance(methods, list)
            and "client_secret_basic" in methods
            and "client_secret_post" not in methods
        ):
            pair = f"{quote(registration.client_id, safe='')}:{quote(registration.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": registration.client_id, "client_secret": registration.client_secret}
        return await self.json("token", discovery.token_endpoint, TokenAnswer, form=form, headers=headers)

    async def userinfo(self, discovery: Discovery, access_token: str | None) -> Mapping[str, Any] | None:
        if discovery.userinfo_endpoint is None or access_token is None:
            return None
        if not (access_token.isascii() and access_token.isprintable()):
            raise AnswerRefused("token", "access_token is not printable ASCII")
        headers = {"Authorization": f"Bearer {access_token}"}
        return await self.json("userinfo", discovery.userinfo_endpoint, dict[str, Any], headers=headers)

    async def json(
        self,
        step: str,
        url: str,
        shape: type[T],
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """The answer to a request, in its shape."""
        self.step = step
        try:
            async with self._http.request(
                "GET" if form is None else "POST", url, data=form, headers=headers, allow_redirects=False
            ) as answer:
                body = await _read(answer.content)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise IdentityProviderUnavailable(step, f"{type(error).__name__}: {error}") from error
        if answer.status != 200:
            raise IdentityProviderUnavailable(step, f"HTTP status {answer.status}{_told(body)}")
        try:
            # Not by msgspec: it refuses half a surrogate pair, which may stand in a name that nobody needs.
            return msgspec.convert(json.loads(body), type=shape)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise IdentityProviderUnavailable(step, f"unreadable answer: {error}") from error


async def _read(stream: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in stream.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _told(body: bytes) -> str:
    """The provider's own word about an error, such as `invalid_client` (RFC 6749, 5.2), where it has one."""
    try:
        error = msgspec.json.decode(body, type=_ErrorAnswer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return f": {error.error[:MAX_REASON_LENGTH]!r}"


class _ErrorAnswer(msgspec.Struct, frozen=True):
    error: str


def _is_address(text: str, *, secure: bool) -> bool:
    """Whether it is a plain URL: printable ASCII (RFC 3986), so that it can be sent and put together anew."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.scheme in (("https",) if secure else ("http", "https"))
    except ValueError:
        return False
