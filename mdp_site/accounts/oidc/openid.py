"""The requests to the OpenID Connect provider: discovery, token exchange, keys and user information.

The size of each answer and the time of all requests are limited. Redirects are not followed. Each failure
becomes one of the two errors in `failures`, which name the step.
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
    """The registration of this site at the provider.

    `server_url`: the address of the provider. `issuer`: its name in tokens. `timeout_seconds`: the limit for
    all requests of one step of the login together.
    """

    server_url: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    timeout_seconds: float


class Discovery(msgspec.Struct, frozen=True):
    """The fields of the provider's discovery document that are used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: Any = None


class TokenAnswer(msgspec.Struct, frozen=True):
    """The answer of the token endpoint. Without an ID token the login fails."""

    id_token: str
    access_token: str | None = None


class LoginClaims(msgspec.Struct, frozen=True):
    """The claims of a login: those of the ID token (checked) and of the user information (unchecked)."""

    id_token: Mapping[str, Any]
    userinfo: Mapping[str, Any] | None


async def authorization_url(
    registration: Registration, *, redirect_uri: str, state: str, nonce: str, challenge: Mapping[str, str]
) -> str:
    """The URL at the provider to which the browser is redirected for the login.

    Raises:
        IdentityProviderUnavailable: discovery fails.
    """
    async with _conversation(registration.timeout_seconds) as conversation:
        discovery = await conversation.discover(registration)
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


async def exchange_code(
    registration: Registration,
    *,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    nonce: str,
    named_issuer: str | None,
) -> LoginClaims:
    """Exchange the code of a callback for claims. `named_issuer`: the callback's own `iss` (RFC 9207).

    Raises:
        IdentityProviderUnavailable: the provider is unreachable, slow or broken, or refuses the site.
        AnswerRefused: an answer does not prove an identity.
    """
    async with _conversation(registration.timeout_seconds) as conversation:
        discovery = await conversation.discover(registration)
        if named_issuer is not None and named_issuer != discovery.issuer:
            raise AnswerRefused("callback", "iss is another provider's")
        tokens = await conversation.exchange(registration, discovery, code, code_verifier, redirect_uri)
        claims = verified_claims(
            tokens.id_token,
            await conversation.json("keys", discovery.jwks_uri, dict[str, Any]),
            issuer=discovery.issuer,
            client_id=registration.client_id,
            nonce=nonce,
        )
        return LoginClaims(claims, await conversation.userinfo(discovery, tokens.access_token))


@asynccontextmanager
async def _conversation(timeout_seconds: float) -> AsyncIterator["_Conversation"]:
    # `trust_env`: use the proxies and certificates of the system, as other programs do.
    async with aiohttp.ClientSession(trust_env=True, headers={"Accept": "application/json"}) as http:
        conversation = _Conversation(http)
        try:
            async with asyncio.timeout(timeout_seconds):
                yield conversation
        except TimeoutError as error:
            raise IdentityProviderUnavailable(
                conversation.step, f"no whole answer within OIDC_TIMEOUT_SECONDS ({timeout_seconds:.0f} s)"
            ) from error


class _Conversation:
    """The requests of one login. `step` is the name of the current request."""

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
        """The JSON answer to a request, converted to `shape`."""
        self.step = step
        try:
            async with self._http.request(
                "GET" if form is None else "POST", url, data=form, headers=headers, allow_redirects=False
            ) as answer:
                body = await _read(answer.content)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise IdentityProviderUnavailable(step, f"{type(error).__name__}: {error}") from error
        if answer.status != 200:
            raise IdentityProviderUnavailable(step, f"HTTP status {answer.status}{_error_code(body)}")
        try:
            # Not decoded by msgspec, which refuses unpaired surrogates: they may occur in unused claims.
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


def _error_code(body: bytes) -> str:
    """The error code in the provider's answer, such as `invalid_client` (RFC 6749, 5.2); or empty."""
    try:
        error = msgspec.json.decode(body, type=_ErrorAnswer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return f": {error.error[:MAX_REASON_LENGTH]!r}"


class _ErrorAnswer(msgspec.Struct, frozen=True):
    error: str


def _is_address(text: str, *, secure: bool) -> bool:
    """Whether the text is a URL of printable ASCII characters (RFC 3986) with an accepted scheme."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.scheme in (("https",) if secure else ("http", "https"))
    except ValueError:
        return False
