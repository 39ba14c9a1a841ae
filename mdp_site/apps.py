"""The site as a Django application: checks, and what follows a migration."""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_migrate


class SiteConfig(AppConfig):
    """The composition root."""

    name = "mdp_site"
    verbose_name = "Site"

    def ready(self) -> None:
        """Register checks and what follows migrations; read stored jobs as data."""
        from mdp_site import checks  # noqa: F401, PLC0415 - importing registers them; models are loaded only now
        from mdp_site.jobs.results import read_as_data  # noqa: PLC0415

        read_as_data()

        # The signal comes for applications with models, in their order; this is the last one.
        post_migrate.connect(_after_migration, sender=apps.get_app_config("accounts"))


class SiteAdminConfig(AdminConfig):
    """The admin with our own site object, so that the control plane has one home."""

    default_site = "mdp_site.admin_site.ControlPlaneSite"

    def ready(self) -> None:
        """Register the pages of all applications, then our own in place of the libraries'."""
        super().ready()
        from mdp_site.accounts.admin import replace_left_overs  # noqa: PLC0415 - models are loaded only now
        from mdp_site.jobs.admin import replace_the_librarys_pages  # noqa: PLC0415

        replace_the_librarys_pages()
        replace_left_overs()


def _after_migration(sender: AppConfig, using: str, **_signal: Any) -> None:
    """Enter roles and schedules, once the tables of all applications are there."""
    from mdp_site.accounts.roles import maintain_roles  # noqa: PLC0415
    from mdp_site.jobs.purge import register_schedules  # noqa: PLC0415 - models are loaded only now

    tables = connections[using].introspection.table_names()
    needed = ("auth_permission", "django_content_type", "django_q_schedule")
    # A partial migration leaves some for later; the next one comes back here.
    if using != DEFAULT_DB_ALIAS or not all(name in tables for name in needed):
        return
    # Another receiver of this signal does it, too, and perhaps later.
    create_permissions(sender, using=using, verbosity=0)
    maintain_roles()
    register_schedules()
