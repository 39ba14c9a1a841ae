"""The base class of admin pages for rows that only programs write."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Rows that can be viewed and deleted, but not added or changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """False for all users."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False for all users."""
        return False
