"""Bridge from Django's `LOGGING_CONFIG` to the platform's one log format."""

from collections.abc import Mapping

from marketdata.observability.logs import configure_logging


def configure(settings: Mapping[str, str]) -> None:
    """Called by Django with `LOGGING` (service, level, format) during `django.setup()`.

    Raises:
        ConfigurationError: for an unknown level or format.
    """
    configure_logging(settings["service"], settings["level"], settings["format"])
