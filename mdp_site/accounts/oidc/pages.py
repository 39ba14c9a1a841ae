"""Pages of a login that came to nothing, each with its line in the log."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from marketdata.observability.logs import get_logger
from mdp_site.accounts.oidc.claims import Identity
from mdp_site.accounts.oidc.failures import LoginFailed, ProviderUnavailable

LOOK_AT: Final = {
    "discovery": "OIDC_SERVER_URL, OIDC_ISSUER, and whether this machine reaches the provider",
    "token": "OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, and the redirect address registered at the provider",
    "keys": "the provider's jwks_uri",
    "ID token": "how the provider signs (RS, PS, ES or EdDSA), and the clocks of both machines",
    "userinfo": "the provider's userinfo_endpoint, and OIDC_SCOPES",
    "authorization": "what the provider's own log says about this client",
}
"""By step, where an operator begins."""
MAX_LOGGED_LENGTH: Final = 500

_log = get_logger(__name__)


def login_failed(request: HttpRequest, failure: LoginFailed) -> HttpResponse:
    """Say that the login failed and can be tried again; log what an operator can act on."""
    log = _log.error if isinstance(failure, ProviderUnavailable) else _log.warning
    log(
        failure.event,
        step=failure.step,
        reason=failure.reason[:MAX_LOGGED_LENGTH],
        provider=settings.OIDC_SERVER_URL,
        look_at=LOOK_AT.get(failure.step, ""),
    )
    at_fault = isinstance(failure, ProviderUnavailable)
    return render(request, "login/failed.html", {"provider_at_fault": at_fault}, status=failure.status)


def login_cancelled(request: HttpRequest) -> HttpResponse:
    """Say that the person left the provider's page without logging in."""
    return render(request, "login/cancelled.html", status=403)


def not_on_the_list(request: HttpRequest, identity: Identity) -> HttpResponse:
    """Say that the provider knows the person and the site does not let them in."""
    _log.warning("login refused: not on the lists", subject=identity.subject)
    email = identity.email if identity.email_verified else None
    return render(request, "login/not_allowed.html", {"email": email}, status=403)
