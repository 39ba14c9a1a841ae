"""What the site does differently from allauth's defaults: whom it lets in, as whom, and with which rights."""

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
"""No address, in a column that must hold one."""
IPV6_NETWORK_BITS: Final = 64
"""What one customer has: its addresses count as one."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Local accounts exist for staff only, made by an operator."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up without the provider."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address, or `UNKNOWN_ADDRESS`: a proxy may write anything into `X-Forwarded-For`."""
        address = client_address(request)
        return UNKNOWN_ADDRESS if address is None else str(address)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count an attempt to log in by password.

        Raises:
            ValidationError: too many, or they cannot be counted: uncounted guesses are not allowed.
        """
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            note_refusal(request, step="password", reason="too many failed attempts")
            raise
        except Exception as error:  # any driver of a cache - each has its own errors
            note_refusal(
                request,
                step="password",
                reason=f"the cache is away, so attempts are not counted: {type(error).__name__}: {error}",
                is_our_trouble=True,
            )
            raise ValidationError(_("Logins by password are closed for the moment. Try again.")) from error

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """The page for somebody who was let in once and no longer is."""
        note_refusal(request, step="account", reason="the account is not active", user_id=user.pk)
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """What failed passwords are counted by: address and person together.

        Counted by person alone, five wrong passwords of a stranger would lock that person out. A stranger
        who tries many people is held back by the limit on his address.
        """
        address = client_address(request)
        if isinstance(address, ipaddress.IPv6Address):
            network = ipaddress.IPv6Network((address, IPV6_NETWORK_BITS), strict=False)
            return f"{network}:{credentials.get('username', '').lower()}"
        return f"{address}:{credentials.get('username', '').lower()}"


class OpenIDConnectAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """The policy of the site for identities that `claims` has checked."""

    def list_apps(self, request: HttpRequest, *args: Any, **options: Any) -> list[SocialApp]:
        """The provider of the settings; one in the database, which no page offers, is none."""
        return [app for app in super().list_apps(request, *args, **options) if app.pk is None]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whoever is on the lists becomes a user."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Give a known user the rights that the provider's groups bring."""
        if sociallogin.is_existing:
            take_over_roles(sociallogin.user, sociallogin.account.extra_data["groups"])

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> Any:
        """Store a new user, the identity and the rights, all or nothing.

        Raises:
            ImmediateHttpResponse: another login of the same person was storing it at the same moment.
        """
        try:
            with transaction.atomic():
                user = super().save_user(request, sociallogin, form)
                take_over_roles(user, sociallogin.account.extra_data["groups"])
        except IntegrityError as error:
            # Not the error's own text: a database may repeat the row, and so the claims, in it.
            twice = IdentityProviderUnavailable("account", "stored by another login meanwhile")
            raise ImmediateHttpResponse(login_failed(request, twice)) from error
        return user


def account_claims(identity: Identity) -> dict[str, Any]:
    """An identity in the names that allauth reads, as it is stored beside the account."""
    return {
        "sub": identity.subject,
        "email": identity.email,
        "email_verified": identity.email_verified,
        "preferred_username": identity.username,
        "given_name": identity.first_name,
        "family_name": identity.last_name,
        "groups": None if identity.groups is None else sorted(identity.groups),
    }
