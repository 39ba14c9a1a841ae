"""The site as a Django application: system checks, and the work after each migration."""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_migrate

from marketdata.observability.tracing import set_sampling_ratio


class SiteConfig(AppConfig):
    """The composition root."""

    name = "mdp_site"
    verbose_name = "Site"

    def ready(self) -> None:
        """Register the checks and the work after migrations, and make stored jobs safe to read."""
        from mdp_site import checks  # noqa: F401, PLC0415 - importing registers them; models are loaded only now
        from mdp_site.jobs.results import read_as_data  # noqa: PLC0415

        read_as_data()
        set_sampling_ratio(settings.DECLARED_SETTINGS["TRACE_SAMPLING"])

        # The signal is sent for each application with models, in their order. `accounts` is the last one.
        post_migrate.connect(_after_migration, sender=apps.get_app_config("accounts"))


class SiteAdminConfig(AdminConfig):
    """The admin with `ControlPlaneSite` as its site."""

    default_site = "mdp_site.admin_site.ControlPlaneSite"

    def ready(self) -> None:
        """Register the pages of all applications, then replace some pages of libraries."""
        super().ready()
        from mdp_site.accounts.admin import replace_allauth_pages  # noqa: PLC0415 - models are loaded now
        from mdp_site.jobs.admin import replace_django_q_pages  # noqa: PLC0415

        replace_django_q_pages()
        replace_allauth_pages()


def _after_migration(sender: AppConfig, using: str, **_signal: Any) -> None:
    """Create roles and schedules, if the tables of all applications exist."""
    from marketdata.jobs import register_schedules  # noqa: PLC0415 - models are loaded only now
    from mdp_site.accounts.roles import maintain_roles  # noqa: PLC0415
    from mdp_site.jobs.offered import OF_THE_SITE  # noqa: PLC0415

    tables = connections[using].introspection.table_names()
    needed = ("auth_permission", "django_content_type", "django_q_schedule")
    # After a partial migration some tables are missing. The next migration calls this again.
    if using != DEFAULT_DB_ALIAS or not all(name in tables for name in needed):
        return
    # Django's own receiver of this signal creates the permissions too, but perhaps after this one.
    create_permissions(sender, using=using, verbosity=0)
    maintain_roles()
    register_schedules(using, OF_THE_SITE)
