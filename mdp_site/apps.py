"""The site as a Django application: users, checks, and what happens when a login ends."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SiteConfig(AppConfig):
    """The composition root."""

    name = "mdp_site"
    verbose_name = "Site"

    def ready(self) -> None:
        """Register the system checks and the receivers that announce ended sessions."""
        from mdp_site import checks, sessions  # noqa: F401, PLC0415 - importing registers them; models are loaded only now


class SiteAdminConfig(AdminConfig):
    """The admin with our own site object, so that the control plane has one home."""

    default_site = "mdp_site.admin_site.ControlPlaneSite"
