"""The admin site of the control plane."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache


class RateLimitedAdminForm(AdminAuthenticationForm):
    """The admin's login form, with the limit on failed attempts that allauth keeps for its own."""

    def clean(self) -> dict[str, Any]:
        """Authenticate through allauth's adapter.

        Raises:
            ValidationError: wrong name or password, no member of staff, or too many attempts.
        """
        username = self.cleaned_data.get("username")
        password = self.cleaned_data.get("password")
        if username is not None and password:
            self.user_cache = get_adapter(self.request).authenticate(
                self.request, username=username, password=password
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


class ControlPlaneSite(AdminSite):
    """Staff log in with a local password, or through the provider when `ADMIN_PASSWORD_LOGIN` is off."""

    site_title = "Market Data Platform"
    site_header = "Market Data Platform"
    index_title = "Control plane"
    login_form = RateLimitedAdminForm

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The password form; without it, the way to the provider.

        Raises:
            PermissionDenied: logged in, but no member of staff, where only the provider decides who is.
        """
        if settings.ADMIN_PASSWORD_LOGIN:
            return super().login(request, extra_context)
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or request.get_full_path())
