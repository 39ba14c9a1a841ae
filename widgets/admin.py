"""API tokens in the admin."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from widgets.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Who may come in by token. Secrets are shown once, to their owners (`token_views`), and never here."""

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
