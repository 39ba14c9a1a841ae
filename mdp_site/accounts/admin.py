"""Users, identities, sessions and API tokens in the admin."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from mdp_site.accounts.endings import revoke
from mdp_site.accounts.journal import note_session_ended
from mdp_site.accounts.models import ApiToken, User
from mdp_site.read_only_admin import ReadOnlyAdmin

ALLAUTH_MODELS = (EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession)
"""The models with admin pages of allauth. These would allow a second configuration of providers, and show
session keys."""


def replace_allauth_pages() -> None:
    """Replace allauth's admin pages by the two that people need, after all applications registered theirs."""
    for model in ALLAUTH_MODELS:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
    admin.site.register(SocialAccount, IdentityAdmin)
    admin.site.register(UserSession, SessionAdmin)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """All users: people who have logged in, and staff with local passwords.

    Only a superuser may make a superuser, change one, or give permissions without a group. Otherwise whoever
    may change users could have every right.
    """

    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups", "last_login")
    date_hierarchy = "date_joined"
    ordering = ("-last_login", "username")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """The fields that this user may not change."""
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if _is_superuser(request) else (*fields, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whether this user may change users and, if there is one, this one and its password."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whether this user may delete users and, if there is one, this one."""
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(
        self, objs: QuerySet[User] | Sequence[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What a deletion would delete, and what of it this user may not delete."""
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        superusers = [str(user) for user in objs if not _may_touch(request, user)]
        return deleted, counts, needed, [*protected, *superusers]


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or _is_superuser(request)


class IdentityAdmin(ReadOnlyAdmin):
    """The user that belongs to each identity of the login provider."""

    list_display = ("uid", "user", "last_login", "date_joined")
    list_select_related = ("user",)
    search_fields = ("uid", "user__username", "user__email")
    fields = ("user", "uid", "extra_data", "last_login", "date_joined")


class SessionAdmin(ReadOnlyAdmin):
    """All sessions, with the address and browser of each. Deleting a row ends the session.

    The key of a session is never shown.
    """

    list_display = ("user", "ip", "user_agent", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "ip")
    date_hierarchy = "created_at"
    fields = ("user", "ip", "user_agent", "created_at")

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """End one session."""
        super().delete_model(request, obj)
        note_session_ended(obj.user_id, by=request.user.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        """End the chosen sessions."""
        users = Counter(queryset.values_list("user_id", flat=True))
        super().delete_queryset(request, queryset)
        for user_id, sessions in users.items():
            note_session_ended(user_id, by=request.user.pk, sessions=sessions)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """API tokens, without their secrets: the owner of a token sees its secret once (`token_pages`)."""

    list_display = (
        "name",
        "user",
        "prefix",
        "scopes",
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
    fields = ("name", "user", "prefix", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = ("user", "prefix", "scopes", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """False: users create their tokens themselves, so that only they see the secrets."""
        return False

    @admin.display(boolean=True, description="usable")
    def usable_now(self, token: ApiToken) -> bool:
        """Whether the token is accepted now."""
        return token.usable(timezone.now()) and token.user.is_active

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        """Revoke the tokens, and close the connections that were opened with them."""
        revoked = revoke(tokens.filter(revoked_at__isnull=True), by=request.user.pk)
        self.message_user(request, f"{revoked} tokens revoked.", messages.SUCCESS)
