"""Pages of a login that came to nothing, each with its line in the log."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mdp_site.accounts.journal import CANCELLED, note_refusal
from mdp_site.accounts.oidc.claims import Identity
from mdp_site.accounts.oidc.failures import IdentityProviderUnavailable, LoginFailed

LOOK_AT: Final = {
    "discovery": "OIDC_SERVER_URL, OIDC_ISSUER, and whether this machine reaches the provider",
    "token": "OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, and the redirect address registered at the provider",
    "keys": "the provider's jwks_uri",
    "ID token": "how the provider signs (RS, PS, ES or EdDSA), and the clocks of both machines",
    "userinfo": "the provider's userinfo_endpoint, and OIDC_SCOPES",
    "authorization": "what the provider's own log says about this client",
}
"""By step, where an operator begins."""


def login_failed(request: HttpRequest, failure: LoginFailed) -> HttpResponse:
    """Say that the login failed and can be tried again; log what an operator can act on."""
    at_fault = isinstance(failure, IdentityProviderUnavailable)
    note_refusal(
        request,
        event=failure.event,
        step=failure.step,
        reason=failure.reason,
        is_our_trouble=at_fault,
        provider=settings.OIDC_SERVER_URL,
        look_at=LOOK_AT.get(failure.step, ""),
    )
    return render(request, "login/failed.html", {"provider_at_fault": at_fault}, status=failure.status)


def login_cancelled(request: HttpRequest) -> HttpResponse:
    """Say that the person left the provider's page without logging in."""
    note_refusal(request, event=CANCELLED, step="authorization", reason="the person did not go on")
    return render(request, "login/cancelled.html", status=403)


def not_on_the_list(request: HttpRequest, identity: Identity) -> HttpResponse:
    """Say that the provider knows the person and the site does not let them in."""
    note_refusal(request, step="lists", reason=_why_not_listed(identity))
    email = identity.email if identity.email_verified else None
    return render(request, "login/not_allowed.html", {"email": email}, status=403)


def _why_not_listed(identity: Identity) -> str:
    if identity.email is None:
        return "the provider names no address"
    if not identity.email_verified:
        return "the provider has not verified the address"
    return "neither OIDC_ALLOWED_EMAILS nor OIDC_ALLOWED_DOMAINS has the address"
