"""`python -m mdp_site.dev.identity`: prepare the provider's state and serve it."""

import argparse
import os
import sys
from typing import Final

import django
from django.utils.module_loading import import_string

from marketdata.errors import ConfigurationError
from mdp_site.dev.identity.arguments import CALLBACK_PATH, add_arguments
from mdp_site.web_server import WebServer, bound_sockets

PROXIES: Final = "mdp_site.dev.identity.settings.TRUSTED_PROXIES"


def main() -> None:
    """Run until SIGTERM. A wrong setting ends the process with a one-line error."""
    parser = argparse.ArgumentParser(prog="python -m mdp_site.dev.identity", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    os.umask(0o077)  # all files are secret: passwords, sessions, keys
    os.environ["DJANGO_SETTINGS_MODULE"] = "mdp_site.dev.identity.settings"
    os.environ["IDENTITY_STATE_DIR"] = str(options.state_dir.absolute())
    try:
        django.setup()
        _provision(options.user, options.client_redirect_uri)
        _announce(options.user, options.host, options.port)
        sockets = bound_sockets(options.host, options.port)
        application = import_string("mdp_site.dev.identity.asgi.application")
        WebServer(application, trusted_proxies=import_string(PROXIES)).serve_until_stopped(sockets)
    except ConfigurationError as error:
        sys.exit(f"configuration error: {error}")


def _provision(user: str, redirect_uris: list[str]) -> None:
    from mdp_site.dev.identity import provision, settings  # noqa: PLC0415 - needs `django.setup()`

    wanted = redirect_uris or [settings.SITE_URL.rstrip("/") + CALLBACK_PATH]
    provision.migrate()
    provision.provision_client(settings.CLIENT_ID, settings.CLIENT_SECRET, wanted)
    provision.provision_user(user, settings.DEMO_PASSWORD, settings.DEMO_GROUPS)
    if settings.DEMO_OPERATOR and settings.DEMO_OPERATOR_PASSWORD:
        provision.provision_user(
            settings.DEMO_OPERATOR, settings.DEMO_OPERATOR_PASSWORD, settings.DEMO_OPERATOR_GROUPS
        )


def _announce(user: str, host: str, port: int) -> None:
    from mdp_site.dev.identity import settings  # noqa: PLC0415 - importing it creates the state directory

    lines = (
        f"OpenID Connect provider at http://{host}:{port}",
        f"log in as {user} with the password {settings.DEMO_PASSWORD_SOURCE}",
        f"client {settings.CLIENT_ID}; state and generated secrets in {settings.STATE_DIR}",
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
