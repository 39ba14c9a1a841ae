"""The login page, the redirect to the provider, and the callback from it."""

import secrets
from typing import Any, Final

from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView
from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal.statekit import STATE_TTL
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from marketdata.observability.logs import get_logger
from mdp_site.accounts.journal import note_refusal
from mdp_site.accounts.local_passwords import local_staff_exist
from mdp_site.accounts.oidc.adapters import account_claims
from mdp_site.accounts.oidc.claims import Identity, read_identity
from mdp_site.accounts.oidc.failures import AnswerRefused, IdentityProviderUnavailable, LoginFailed
from mdp_site.accounts.oidc.openid import Registration, authorization_url, exchange_code
from mdp_site.accounts.oidc.pages import login_cancelled, login_failed, not_on_the_list
from mdp_site.accounts.oidc.policy import may_enter
from mdp_site.origins import public_origin

_log = get_logger(__name__)

PROVIDER: Final = "oidc"
DECLINED: Final = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "login_required",
        "user_cancelled_authorize",  # LinkedIn
        "user_cancelled_login",
    }
)
"""Errors of a provider that mean that the person stopped the login.

See RFC 6749, 4.1.2.1, and OpenID Connect Core 1.0, 3.1.2.6.
"""


class LoginPage(LoginView):  # type: ignore[misc]  # allauth has no types
    """The login page, with a button for the provider."""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """The context of the template. `password_login`: whether members of staff have local passwords."""
        return {
            **super().get_context_data(**context),
            "password_login": local_staff_exist(),
            "provider_configured": bool(settings.OIDC_SERVER_URL),
        }


login_page = require_http_methods(["GET"])(LoginPage.as_view())


@require_http_methods(["GET", "POST"])
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirect the browser to the provider. This needs a POST; a GET is redirected to the login page."""
    provider = _provider(request)
    next_url = get_next_redirect_url(request)
    if request.method == "GET":
        query = {"next": next_url} if next_url else {}
        return redirect(reverse("account_login", query=query))
    if _too_many(request):
        note_refusal(request, step="begin", reason="too many logins begun from this address")
        answer: HttpResponse = ratelimit.respond_429(request)
        return answer
    redirect_uri = public_origin(request) + reverse(
        "openid_connect_callback", kwargs={"provider_id": provider_id}
    )
    challenge = generate_code_challenge()
    secret = {
        "nonce": secrets.token_urlsafe(32),
        "code_verifier": challenge.pop("code_verifier"),
        "redirect_uri": redirect_uri,
    }
    state = secrets.token_urlsafe(32)
    try:
        url = async_to_sync(authorization_url)(
            registration(),
            redirect_uri=redirect_uri,
            state=state,
            nonce=secret["nonce"],
            challenge={**challenge, "code_challenge": challenge["code_challenge"].decode()},
        )
    except LoginFailed as failure:
        return login_failed(request, failure)
    provider.stash_redirect_state(request, AuthProcess.LOGIN, next_url, secret, state_id=state)
    if not request.user.is_authenticated:
        # If the person does not come back, the session expires soon. `accounts.sessions` resets the expiry at
        # the login.
        request.session.set_expiry(STATE_TTL)
    return HttpResponseRedirect(url)


def _too_many(request: HttpRequest) -> bool:
    """Whether this address has begun too many logins. Without the cache all are allowed: they do no harm."""
    try:
        return not ratelimit.consume(request, action="login")
    except Exception as error:  # noqa: BLE001 - each driver of a cache has its own errors
        _log.warning("logins are not counted: the cache is away", error=f"{type(error).__name__}: {error}")
        return False


@require_http_methods(["GET"])
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Complete a login when the browser comes back from the provider, with a code or with an error."""
    provider = _provider(request)
    state = _take_state(request, provider)
    error = request.GET.get("error")
    if error in DECLINED:
        return login_cancelled(request)
    try:
        if error is not None:
            raise IdentityProviderUnavailable("authorization", f"the provider refused: {error!r}")
        if state is None or not request.GET.get("code"):
            raise AnswerRefused("callback", "no code, or of no login that this browser began here")
        identity = _identify(request, state["data"])
    except LoginFailed as failure:
        return login_failed(request, failure)
    if not may_enter(identity, domains=settings.OIDC_ALLOWED_DOMAINS, emails=settings.OIDC_ALLOWED_EMAILS):
        return not_on_the_list(request, identity)
    login = provider.sociallogin_from_response(request, account_claims(identity))
    login.state = state
    answer: HttpResponse = complete_social_login(request, login)
    return answer


def _identify(request: HttpRequest, secret: dict[str, str]) -> Identity:
    claims = async_to_sync(exchange_code)(
        registration(),
        code=request.GET["code"],
        code_verifier=secret["code_verifier"],
        redirect_uri=secret["redirect_uri"],
        nonce=secret["nonce"],
        named_issuer=request.GET.get("iss"),
    )
    return read_identity(claims.id_token, claims.userinfo, groups_claim=settings.OIDC_GROUPS_CLAIM)


def _provider(request: HttpRequest) -> OpenIDConnectProvider:
    if not settings.OIDC_SERVER_URL:
        raise Http404
    return get_adapter(request).get_provider(request, PROVIDER)


def _take_state(request: HttpRequest, provider: OpenIDConnectProvider) -> dict[str, Any] | None:
    """Remove and return the state that `begin` stored; None if this browser began no such login."""
    try:
        state: dict[str, Any] = provider.unstash_redirect_state(request, request.GET.get("state", ""))
    except PermissionDenied:
        return None
    return state


def registration() -> Registration:
    """The registration from the settings."""
    return Registration(
        server_url=settings.OIDC_SERVER_URL,
        issuer=settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        timeout_seconds=settings.OIDC_TIMEOUT_SECONDS,
        scopes=tuple(dict.fromkeys(("openid", *settings.OIDC_SCOPES))),
    )
