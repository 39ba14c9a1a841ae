"""The site as a Django application: users, checks, and what happens when a login ends."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SiteConfig(AppConfig):
    """The composition root."""

    name = "mdp_site"
    verbose_name = "Site"

    def ready(self) -> None:
        """Register checks and the receivers that announce ended sessions; have stored jobs read as data."""
        from mdp_site import checks, sessions  # noqa: F401, PLC0415 - importing registers them; models are loaded only now
        from mdp_site.jobs.results import read_as_data  # noqa: PLC0415

        read_as_data()


class SiteAdminConfig(AdminConfig):
    """The admin with our own site object, so that the control plane has one home."""

    default_site = "mdp_site.admin_site.ControlPlaneSite"

    def ready(self) -> None:
        """Register the pages of all applications, then our own in place of django-q2's."""
        super().ready()
        from mdp_site.jobs.admin import replace_the_librarys_pages  # noqa: PLC0415 - models are loaded only now

        replace_the_librarys_pages()
