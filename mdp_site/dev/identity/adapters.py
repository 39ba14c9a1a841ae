"""Adapters of the embedded provider for allauth."""

from collections.abc import Iterable
from typing import Any, Literal

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.contrib.auth.models import User
from django.http import HttpRequest


class NoSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Forbids sign-up in the browser: the users are created when the provider starts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """False for all requests."""
        return False


class GroupsAdapter(DefaultOIDCAdapter):  # type: ignore[misc]  # allauth has no types
    """Adds the claim `groups` to the scope `profile`, as many providers of companies do."""

    def get_claims(
        self,
        purpose: Literal["id_token", "userinfo"],
        user: User,
        client: Any,
        scopes: Iterable[str],
        email: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The claims about a user, for the ID token and the user information endpoint."""
        scopes = list(scopes)
        claims: dict[str, Any] = super().get_claims(purpose, user, client, scopes, email=email, **kwargs)
        if "profile" in scopes:
            claims["groups"] = list(user.groups.order_by("name").values_list("name", flat=True))
        return claims
