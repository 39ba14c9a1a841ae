"""Connects Django's `LOGGING_CONFIG` with the platform's log format."""

import logging
from collections.abc import Mapping

from marketdata.observability.logs import configure_logging
from mdp_site.request_log import RequestLogFilter


def configure(settings: Mapping[str, str]) -> None:
    """Configure the logs. Django calls it with `LOGGING` (service, level, format) in `django.setup()`.

    Raises:
        ConfigurationError: the level or format is unknown.
    """
    configure_logging(settings["service"], settings["level"], settings["format"])
    for handler in logging.root.handlers:
        handler.addFilter(RequestLogFilter())
