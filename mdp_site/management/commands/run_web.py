"""`manage.py run_web`: pages, login, admin and the Widget Data Service, in one or several processes."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string

from marketdata.errors import ConfigurationError
from marketdata.management.process_reports import reporting_by_settings
from marketdata.management.service_command import port_number
from marketdata.runtime.runner import run_service
from marketdata.runtime.workers import WorkerCommand, WorkerPool, free_ports
from mdp_site.logs import configure
from mdp_site.web_server import WebServer, bound_sockets
from mdp_site.web_settings import MOST_WORKERS, WEB


class Command(BaseCommand):
    help = "Serve the site and its WebSockets, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument(
            "--port", type=port_number, default=8000, help="port to listen on (default: %(default)s)"
        )
        parser.add_argument(
            "--workers",
            type=int,
            default=settings.DECLARED_SETTINGS["WEB_WORKERS"],
            help="number of processes on the address (default: WEB_WORKERS); with more than one, this "
            "process supervises them, and replaces each that ends",
        )
        parser.add_argument(
            "--health-host",
            default=settings.HEALTH_HOST,
            help="second address, for probes (default: %(default)s)",
        )
        parser.add_argument(
            "--health-port",
            type=port_number,
            help="port of the second address, where /healthz, /readyz and /metrics answer for all workers",
        )
        parser.add_argument("--access-log", action="store_true", help="log each HTTP request")
        parser.add_argument("--shared", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *_args: Any, workers: int, **options: Any) -> None:
        # Loading the application calls `django.setup()` again, so the name must be set in the settings too.
        settings.LOGGING["service"] = "web"
        configure(settings.LOGGING)
        if not 1 <= workers <= MOST_WORKERS:
            raise ConfigurationError(f"--workers {workers} not accepted; accepted are 1 to {MOST_WORKERS}")
        # An option has priority over the variable, and the process reports what holds.
        settings.DECLARED_SETTINGS = {**settings.DECLARED_SETTINGS, "WEB_WORKERS": workers}
        if workers == 1 or options["shared"]:
            _serve(**options)
        else:
            _supervise(workers, **options)


def _serve(
    *,
    host: str,
    port: int,
    shared: bool,
    health_host: str,
    health_port: int | None,
    access_log: bool,
    **_: Any,
) -> None:
    """Serve in this process. Probes of this process alone use the second address."""
    sockets = bound_sockets(host, port, shared=shared)
    if health_port is not None:
        sockets += bound_sockets(health_host, health_port)
    WebServer(
        import_string("mdp_site.asgi.application"),
        trusted_proxies=settings.TRUSTED_PROXIES,
        live=import_string("mdp_site.asgi.web_settings"),
        lifespan=True,
        access_log=access_log,
    ).serve_until_stopped(sockets)


def _supervise(
    workers: int,
    *,
    host: str,
    port: int,
    health_host: str,
    health_port: int | None,
    access_log: bool,
    **_: Any,
) -> None:
    """Run worker processes on one address. The kernel divides new connections among them (SO_REUSEPORT).

    This process holds the address, too, without listening: so no other user's process can take it while
    workers restart, and an address in use is told at once.
    """
    with contextlib.ExitStack() as stack:
        for probe in bound_sockets(host, port):  # fails if anyone listens there; a shared one would not
            probe.close()
        held = [stack.enter_context(each) for each in bound_sockets(host, port, shared=True)]
        commands = _worker_commands(
            workers,
            (
                "--host",
                host,
                "--port",
                str(held[0].getsockname()[1]),
                *(["--access-log"] if access_log else []),
            ),
            health_host=health_host,
            health_port=health_port,
        )
        pool = WorkerPool("web", commands, health_host=health_host)
        run_service(
            pool,
            health_host=health_host,
            health_port=health_port,
            workers=pool,
            reporting=reporting_by_settings(WEB, WEB),
        )


def _worker_commands(
    count: int, options: Sequence[str], *, health_host: str, health_port: int | None
) -> Sequence[WorkerCommand]:
    """The command line of each worker. Its private port follows the parent's, or is a free one."""
    ports = range(health_port + 1, health_port + 1 + count) if health_port else free_ports(health_host, count)
    common = (
        sys.executable,
        sys.argv[0],
        "run_web",
        "--shared",
        "--workers",
        str(count),
        *options,
        "--health-host",
        health_host,
    )
    return [WorkerCommand((*common, "--health-port", str(port)), port) for port in ports]
