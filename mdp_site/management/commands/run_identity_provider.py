"""`manage.py run_identity_provider`: the embedded OpenID Connect provider of the demo and the tests."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mdp_site.dev.identity.arguments import add_arguments


class Command(BaseCommand):
    help = "Serve an OpenID Connect provider with demo users, for machines without a provider of their own."
    # It uses neither the site's settings nor its database.
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own way to say "none"

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Replace this process by `python -m mdp_site.dev.identity`, which has its own settings."""
        arguments = ["--host", options["host"], "--port", str(options["port"])]
        arguments += ["--state-dir", str(options["state_dir"]), "--user", options["user"]]
        for uri in options["client_redirect_uri"]:
            arguments += ["--client-redirect-uri", uri]
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "mdp_site.dev.identity", *arguments])  # noqa: S606 - no shell wanted
