"""Bridge from Django's `LOGGING_CONFIG` to the platform's one log format."""

from typing import TypedDict

from marketdata.observability.logs import configure_logging


class LogSettings(TypedDict):
    """What the `LOGGING` setting holds here."""

    service: str
    level: str
    format: str


def configure(settings: LogSettings) -> None:
    """Called by Django with `LOGGING` during `django.setup()`."""
    configure_logging(settings["service"], settings["level"], settings["format"])
