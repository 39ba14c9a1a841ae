"""Users, identities, sessions and API tokens in the admin."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from mdp_site.accounts.models import ApiToken, User

LEFT_OVERS = (EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession)
"""What allauth's applications would show: a second place to set up providers, and keys of sessions."""


def replace_left_overs() -> None:
    """Put the two pages that people need in the place of allauth's, once all applications have registered."""
    for model in LEFT_OVERS:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
    admin.site.register(SocialAccount, IdentityAdmin)
    admin.site.register(UserSession, SessionAdmin)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Everyone who has logged in, and the staff."""

    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups", "last_login")
    date_hierarchy = "date_joined"
    ordering = ("-last_login", "username")


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Rows that the platform itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


class IdentityAdmin(ReadOnlyAdmin):
    """Which identity of the login provider is which user."""

    list_display = ("uid", "user", "last_login", "date_joined")
    list_select_related = ("user",)
    search_fields = ("uid", "user__username", "user__email")
    fields = ("user", "uid", "extra_data", "last_login", "date_joined")


class SessionAdmin(ReadOnlyAdmin):
    """Who is logged in from where. Deleting a row ends the session; its key is never shown."""

    list_display = ("user", "ip", "user_agent", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "ip")
    date_hierarchy = "created_at"
    fields = ("user", "ip", "user_agent", "created_at")


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Who may come in by token. Secrets are shown once, to their owners (`token_pages`), and never here."""

    list_display = (
        "name",
        "user",
        "prefix",
        "usable_now",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username", "user__email")
    date_hierarchy = "created_at"
    fields = ("name", "user", "prefix", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = ("user", "prefix", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: people make their tokens themselves, and nobody else sees the secrets."""
        return False

    @admin.display(boolean=True, description="usable")
    def usable_now(self, token: ApiToken) -> bool:
        """Whether the token would be accepted at this moment."""
        return token.usable(timezone.now()) and token.user.is_active

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        """End the tokens and the connections that came in by them."""
        revoked = 0
        # One by one and not as one UPDATE: the signal of each save closes the token's connections.
        for token in tokens.filter(revoked_at__isnull=True):
            token.revoke()
            revoked += 1
        self.message_user(request, f"{revoked} tokens revoked.", messages.SUCCESS)
