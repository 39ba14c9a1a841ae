"""Adapters for allauth: whom the site accepts, as which user, and with which rights."""

import ipaddress
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from mdp_site.accounts.journal import note_refusal
from mdp_site.accounts.oidc.claims import Identity
from mdp_site.accounts.oidc.failures import IdentityProviderUnavailable
from mdp_site.accounts.oidc.groups import take_over_roles
from mdp_site.accounts.oidc.pages import login_failed
from mdp_site.addresses import client_address

UNKNOWN_ADDRESS: Final = "0.0.0.0"
"""Stored for a client whose address is unknown: the column must not be empty."""
IPV6_NETWORK_BITS: Final = 64
"""A provider usually gives each customer a network of this size, so its addresses count as one client."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Policy for local accounts: only staff has them, and only an operator creates them."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """False: users are created only by a login through the provider."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address, or `UNKNOWN_ADDRESS` if `X-Forwarded-For` contains no address."""
        address = client_address(request)
        return UNKNOWN_ADDRESS if address is None else str(address)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count an attempt to log in by password.

        Raises:
            ValidationError: there were too many attempts, or they cannot be counted. Without a count, an
                attacker could try any number of passwords.
        """
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            note_refusal(request, step="password", reason="too many failed attempts")
            raise
        except Exception as error:  # each driver has its own errors - no attempt may pass uncounted
            note_refusal(
                request,
                step="password",
                reason=f"the cache is away, so attempts are not counted: {type(error).__name__}: {error}",
                needs_operator=True,
            )
            raise ValidationError(_("Logins by password are closed for the moment. Try again.")) from error

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """The page for a user whose account was switched off."""
        note_refusal(request, step="account", reason="the account is not active", user_id=user.pk)
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """The cache key under which failed passwords are counted: address and user name together.

        If they were counted per user name only, a stranger could lock a user out with five wrong passwords. A
        stranger who tries many user names reaches the limit per address.
        """
        address = client_address(request)
        if isinstance(address, ipaddress.IPv6Address):
            network = ipaddress.IPv6Network((address, IPV6_NETWORK_BITS), strict=False)
            return f"{network}:{credentials.get('username', '').lower()}"
        return f"{address}:{credentials.get('username', '').lower()}"


class OpenIDConnectAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Policy for identities that `claims` has checked."""

    def list_apps(self, request: HttpRequest, *args: Any, **options: Any) -> list[SocialApp]:
        """The provider from the settings. Providers in the database are ignored: no page creates them."""
        return [app for app in super().list_apps(request, *args, **options) if app.pk is None]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """True: `policy` has already checked the identity."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Give an existing user the roles of the provider's groups."""
        if sociallogin.is_existing:
            take_over_roles(sociallogin.user, sociallogin.account.extra_data["groups"])

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> Any:
        """Store a new user, the identity and the roles in one transaction.

        Raises:
            ImmediateHttpResponse: another login of the same person stored them at the same moment.
        """
        try:
            with transaction.atomic():
                user = super().save_user(request, sociallogin, form)
                take_over_roles(user, sociallogin.account.extra_data["groups"])
        except IntegrityError as error:
            # The text of the error is not used: it may contain the row, and so the claims.
            failure = IdentityProviderUnavailable("account", "stored by another login meanwhile")
            raise ImmediateHttpResponse(login_failed(request, failure)) from error
        return user


def account_claims(identity: Identity) -> dict[str, Any]:
    """An identity as a dictionary with allauth's names. allauth stores it with the account."""
    return {
        "sub": identity.subject,
        "email": identity.email,
        "email_verified": identity.email_verified,
        "preferred_username": identity.username,
        "given_name": identity.first_name,
        "family_name": identity.last_name,
        "groups": None if identity.groups is None else sorted(identity.groups),
    }
