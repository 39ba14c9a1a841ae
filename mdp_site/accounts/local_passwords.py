"""Login with a local password: only for staff, at `/admin/`, with a limit on failed attempts."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import ValidationError

from mdp_site.accounts.journal import note_refusal
from mdp_site.accounts.models import User


def local_staff_exist() -> bool:
    """Whether local passwords are allowed and at least one active member of staff has one."""
    if not settings.ADMIN_PASSWORD_LOGIN:
        return False
    staff = User.objects.filter(is_active=True, is_staff=True)
    return staff.exclude(password="").exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


class RateLimitedAdminForm(AdminAuthenticationForm):
    """The admin's login form, with allauth's limit on failed attempts."""

    def clean(self) -> dict[str, Any]:
        """Authenticate through allauth's adapter.

        Raises:
            ValidationError: the name or password is wrong, the user is not staff, or there were too many
                attempts.
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
        """Accept active members of staff.

        Raises:
            ValidationError: the user is not an active member of staff.
        """
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            note_refusal(self.request, step="password", reason="no active member of staff", user_id=user.pk)
            raise
