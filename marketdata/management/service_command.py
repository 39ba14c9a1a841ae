"""The base of all commands that run a service: logs, health endpoints, clear errors for wrong settings."""

import argparse
import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.errors import MarketDataError
from marketdata.management.process_reports import reporting_by_settings
from marketdata.observability.logs import configure_logging
from marketdata.runtime.runner import run_service
from marketdata.runtime.service import Service
from marketdata.runtime.workers import WorkerPool

_MAX_PORT: Final = 65_535


class ServiceCommand(BaseCommand):
    """Runs the service that `build` makes, until SIGTERM or Ctrl-C. Operators call it `service_name`."""

    service_name: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of the health endpoints; subclasses add their own."""
        parser.add_argument(
            "--health-host", default=settings.HEALTH_HOST, help="address of the health endpoints"
        )
        parser.add_argument(
            "--health-port",
            type=port_number,
            help="port of /healthz, /readyz and /metrics; 0 takes a free one; without it none are served",
        )

    def log_name(self, options: Mapping[str, Any]) -> str:
        """The name of the service in the log lines of this process."""
        del options
        return self.service_name

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> Service:
        """The service for these options and the settings. `stack` closes resources after the service has run.

        Raises:
            MarketDataError: an option or a setting is wrong; the message names it.
        """
        raise NotImplementedError

    def handle(self, *_args: Any, **options: Any) -> None:
        """Build the service and run it to its end.

        Raises:
            CommandError: an option or a setting is wrong.
        """
        with contextlib.ExitStack() as stack:
            try:
                service = self.build(options, stack)
                configure_logging(self.log_name(options), settings.LOG_LEVEL, settings.LOG_FORMAT)
            except MarketDataError as error:
                raise CommandError(str(error)) from error
            run_service(
                service,
                health_host=options["health_host"],
                health_port=options["health_port"],
                workers=service if isinstance(service, WorkerPool) else None,
                reporting=reporting_by_settings(self.service_name, self.log_name(options)),
            )


def port_number(text: str) -> int:
    """The port in an option's text; 0 takes a free one.

    Raises:
        argparse.ArgumentTypeError: the text is not a port.
    """
    if not text.isascii() or not text.isdigit() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {_MAX_PORT}")
    return int(text)
