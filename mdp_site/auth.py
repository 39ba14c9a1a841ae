"""Who may enter, and as whom.

`OpenIDConnectAdapter` turns an identity of the login provider into a user and decides who may enter;
`AccountAdapter` keeps local sign-up closed. Sockets have their own door: `mdp_site.entrance`.
"""

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render

from marketdata.observability.logs import get_logger

_log = get_logger(__name__)


def identity_claims(extra_data: Mapping[str, Any]) -> dict[str, Any]:
    """The claims about a person: those of the ID token, completed by the user information endpoint's."""
    id_token, userinfo = extra_data.get("id_token") or {}, extra_data.get("userinfo") or {}
    return {**id_token, **userinfo}


def may_enter(claims: Mapping[str, Any], *, domains: list[str], emails: list[str]) -> bool:
    """Whether the identity is on the lists. Both empty: everyone whom the provider knows.

    Only an address that the provider has verified counts: some providers let people write anything there.
    """
    if not domains and not emails:
        return True
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        return False
    address = email.casefold()
    domain = address.rpartition("@")[2]
    return address in map(str.casefold, emails) or domain in map(str.casefold, domains)


def in_staff_group(claims: Mapping[str, Any], *, claim: str, group: str) -> bool:
    """Whether the named claim (a word or a list of words) contains the staff group."""
    groups = claims.get(claim)
    return group == groups or (isinstance(groups, list) and group in groups)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Local accounts exist for staff only, made by an operator."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up without the provider."""
        return False


class OpenIDConnectAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """The policy of the site for identities of the login provider."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whoever got past `pre_social_login` becomes a user."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let in who may enter, and take over from the provider who is staff.

        Raises:
            ImmediateHttpResponse: 403, for an identity that is not on the lists.
        """
        claims = identity_claims(sociallogin.account.extra_data)
        if not may_enter(claims, domains=settings.OIDC_ALLOWED_DOMAINS, emails=settings.OIDC_ALLOWED_EMAILS):
            _log.warning("login refused: not on the lists", subject=sociallogin.account.uid)
            page = render(
                request, "socialaccount/not_allowed.html", {"email": claims.get("email")}, status=403
            )
            raise ImmediateHttpResponse(page)
        if settings.OIDC_STAFF_GROUP:
            self._take_over_staff(sociallogin, claims)

    def _take_over_staff(self, sociallogin: SocialLogin, claims: Mapping[str, Any]) -> None:
        user = sociallogin.user
        is_staff = in_staff_group(claims, claim=settings.OIDC_GROUPS_CLAIM, group=settings.OIDC_STAFF_GROUP)
        if user.is_staff == is_staff:
            return
        user.is_staff = is_staff
        if sociallogin.is_existing:
            user.save(update_fields=["is_staff"])
        _log.info(
            "staff membership taken over from the provider", user=user.get_username(), is_staff=is_staff
        )
