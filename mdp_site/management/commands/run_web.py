"""`manage.py run_web`: pages, login, admin and the Widget Data Service, in one process."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string

from marketdata.runtime.settings import own_settings
from mdp_site.logs import configure
from mdp_site.web_server import WebServer, bound_sockets
from mdp_site.web_settings import WebSettings


class Command(BaseCommand):
    help = "Serve the site and its WebSockets. Run several behind one proxy to scale out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--access-log", action="store_true", help="log each HTTP request")

    def handle(self, *_args: Any, host: str, port: int, access_log: bool, **_options: Any) -> None:
        # Loading the application calls `django.setup()` again, so the name must be set in the settings too.
        settings.LOGGING["service"] = "web"
        configure(settings.LOGGING)
        sockets = bound_sockets(host, port)
        WebServer(
            import_string("mdp_site.asgi.application"),
            trusted_proxies=settings.TRUSTED_PROXIES,
            limits=own_settings(WebSettings, settings.DECLARED_SETTINGS),
            lifespan=True,
            access_log=access_log,
        ).serve_until_stopped(sockets)
