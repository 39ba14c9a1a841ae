"""The admin site of the control plane."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from mdp_site.login.journal import note_refusal


def local_staff_exist() -> bool:
    """Whether anybody could log in with a local password: there is staff that has one, and it is allowed."""
    if not settings.ADMIN_PASSWORD_LOGIN:
        return False
    staff = get_user_model().objects.filter(is_active=True, is_staff=True)
    return staff.exclude(password="").exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


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
                note_refusal(self.request, step="password", reason="wrong name or password")
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data

    def confirm_login_allowed(self, user: Any) -> None:
        """Let active members of staff in.

        Raises:
            ValidationError: this is none.
        """
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            note_refusal(self.request, step="password", reason="no active member of staff", user_id=user.pk)
            raise


class ControlPlaneSite(AdminSite):
    """Staff log in through the provider, or with a local password where somebody has one."""

    site_title = "Market Data Platform"
    site_header = "Market Data Platform"
    index_title = "Control plane"
    login_form = RateLimitedAdminForm
    login_template = "admin/control_plane_login.html"

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The way to the provider and, where local staff exist, the password form.

        Raises:
            PermissionDenied: logged in, but no member of staff, where only the provider decides who is.
        """
        if local_staff_exist():
            offered = {"oidc_name": settings.OIDC_NAME if settings.OIDC_SERVER_URL else ""}
            return super().login(request, offered | (extra_context or {}))
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or request.get_full_path())
