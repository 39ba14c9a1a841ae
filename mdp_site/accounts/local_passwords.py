"""Local passwords: for members of staff alone, at `/admin/`, and limited in how often they can be tried."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import ValidationError

from mdp_site.accounts.journal import note_refusal
from mdp_site.accounts.models import User


def local_staff_exist() -> bool:
    """Whether anybody could log in with a local password: there is staff that has one, and it is allowed."""
    if not settings.ADMIN_PASSWORD_LOGIN:
        return False
    staff = User.objects.filter(is_active=True, is_staff=True)
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
