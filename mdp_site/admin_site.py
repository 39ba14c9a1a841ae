"""The admin site of the control plane."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from mdp_site.accounts.local_passwords import RateLimitedAdminForm, local_staff_exist
from mdp_site.accounts.roles import Right, rights_of
from mdp_site.service_settings import SERVICES


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

    index_template = "admin/control_plane_index.html"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """The addresses of the admin, and of the operator's pages."""
        # A command that writes the schema has this site, and must not load what reads the schema.
        from mdp_site.operator_pages.addresses import operator_urls  # noqa: PLC0415

        return [
            path("operations/", include(operator_urls(self, self._for_operations))),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The first page of the admin, with a link to each service."""
        return super().index(request, {"steered": list(SERVICES), **(extra_context or {})})

    def _for_operations(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """The view for those who may see what the services do. The admin sends a visitor to the login.

        The view raises `PermissionDenied` if the user is logged in, and may not see it: another login would
        not help.
        """

        def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
            if request.user.is_authenticated and Right.OPERATIONS not in rights_of(request.user):
                raise PermissionDenied
            return self.admin_view(view)(request, **arguments)

        return guarded

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
