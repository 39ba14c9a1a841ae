"""The pages of a login that did not succeed. Each page writes a log entry."""

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
"""For each step what an operator should check first. It is written to the log."""


def login_failed(request: HttpRequest, failure: LoginFailed) -> HttpResponse:
    """The page for a failed login, which the person can try again."""
    at_fault = isinstance(failure, IdentityProviderUnavailable)
    note_refusal(
        request,
        event=failure.event,
        step=failure.step,
        reason=failure.reason,
        needs_operator=at_fault,
        provider=settings.OIDC_SERVER_URL,
        look_at=LOOK_AT.get(failure.step, ""),
    )
    return render(request, "login/failed.html", {"provider_at_fault": at_fault}, status=failure.status)


def login_cancelled(request: HttpRequest) -> HttpResponse:
    """The page for a person who left the provider's page without logging in."""
    note_refusal(request, event=CANCELLED, step="authorization", reason="the person did not go on")
    return render(request, "login/cancelled.html", status=403)


def not_on_the_list(request: HttpRequest, identity: Identity) -> HttpResponse:
    """The page for a person whom the provider knows but the site does not accept."""
    note_refusal(request, step="lists", reason=_why_not_listed(identity))
    email = identity.email if identity.email_verified else None
    return render(request, "login/not_allowed.html", {"email": email}, status=403)


def _why_not_listed(identity: Identity) -> str:
    if identity.email is None:
        return "the provider names no address"
    if not identity.email_verified:
        return "the provider has not verified the address"
    return "neither OIDC_ALLOWED_EMAILS nor OIDC_ALLOWED_DOMAINS has the address"
