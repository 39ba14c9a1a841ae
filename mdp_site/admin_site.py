"""The admin site of the control plane."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from mdp_site.accounts.local_passwords import RateLimitedAdminForm, local_staff_exist
from mdp_site.accounts.roles import Right, rights_of
from mdp_site.operations_page import connections, history, operations


class ControlPlaneSite(AdminSite):
    """The admin. Staff log in through the provider or, if there are local passwords, with one of them."""

    site_title = "Market Data Platform"
    site_header = "Market Data Platform"
    index_title = "Control plane"
    login_form = RateLimitedAdminForm
    login_template = "admin/control_plane_login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the user may enter the admin."""
        return Right.ADMIN in rights_of(request.user)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """The addresses of the admin, of the operations page, and of what this page asks for."""
        return [
            path("operations/", self._for_operations(partial(operations, site=self)), name="operations"),
            path("operations/history", self._for_operations(history), name="operations_history"),
            path("operations/connections", self._for_operations(connections), name="operations_connections"),
            *super().get_urls(),
        ]

    def _for_operations(self, view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
        """The view for those who may see operations. The admin itself sends a visitor to the login.

        Raises:
            PermissionDenied: the user is logged in, and may not see it. Another login would not help.
        """

        def protected(request: HttpRequest) -> HttpResponse:
            if request.user.is_authenticated and Right.OPERATIONS not in rights_of(request.user):
                raise PermissionDenied
            return self.admin_view(view)(request)

        return protected

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The login page: a password form if local staff exist, otherwise a redirect to the site's login.

        Raises:
            PermissionDenied: there are no local passwords, and the user is logged in but not staff. Another
                login through the provider would not help.
        """
        if local_staff_exist():
            offered = {"oidc_name": settings.OIDC_NAME if settings.OIDC_SERVER_URL else ""}
            return super().login(request, offered | (extra_context or {}))
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or request.get_full_path())
