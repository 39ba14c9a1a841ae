"""What the embedded provider does differently from allauth's defaults."""

from collections.abc import Iterable
from typing import Any, Literal

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.contrib.auth.models import User
from django.http import HttpRequest


class NoSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Its users are made at start; nobody adds one through the browser."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False


class GroupsAdapter(DefaultOIDCAdapter):  # type: ignore[misc]  # allauth has no types
    """Adds the `groups` claim, as the providers of companies do, to what `profile` shows."""

    def get_claims(
        self,
        purpose: Literal["id_token", "userinfo"],
        user: User,
        client: Any,
        scopes: Iterable[str],
        email: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The claims about a user, in the ID token and at the user information endpoint."""
        scopes = list(scopes)
        claims: dict[str, Any] = super().get_claims(purpose, user, client, scopes, email=email, **kwargs)
        if "profile" in scopes:
            claims["groups"] = list(user.groups.order_by("name").values_list("name", flat=True))
        return claims
