"""The widgets as a Django application."""

from django.apps import AppConfig


class WidgetsConfig(AppConfig):
    """What people see: from stored state to the browser."""

    name = "widgets"
    verbose_name = "Widgets"
