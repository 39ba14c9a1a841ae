"""Market data as a Django application."""

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate


class MarketDataConfig(AppConfig):
    """The application with the commands and jobs of `marketdata`."""

    name = "marketdata"
    verbose_name = "market data"

    def ready(self) -> None:
        """Register the schedules after every migration of the database."""
        # Django sends the signal for applications with models only, so connect to that of the schedules.
        post_migrate.connect(_register_schedules, sender=apps.get_app_config("django_q"))


def _register_schedules(using: str, **_signal: Any) -> None:
    from django_q.models import Schedule  # noqa: PLC0415 - models exist only once all applications are loaded

    from marketdata.jobs import register_schedules  # noqa: PLC0415

    connection = connections[using]
    # A partial migration may not create django-q2's tables; the next one does, and registers the schedules.
    if Schedule._meta.db_table in connection.introspection.table_names():  # noqa: SLF001 - Django's documented API
        register_schedules(using)
