"""The scanners as a Django application."""

from django.apps import AppConfig


class ScannersConfig(AppConfig):
    """What deserves attention: from events to rankings."""

    name = "scanners"
    verbose_name = "Scanners"
