"""`python -m mdp_site.identity`: prepare the provider's state and serve it."""

import argparse
import os
import sys

import django

from marketdata.errors import ConfigurationError
from mdp_site.identity.arguments import DEFAULT_REDIRECT_URI, add_arguments
from mdp_site.web_server import WebServer


def main() -> None:
    """Run until SIGTERM; a wrong setting ends it with one readable line."""
    parser = argparse.ArgumentParser(prog="python -m mdp_site.identity", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "mdp_site.identity.settings"
    os.environ["IDENTITY_STATE_DIR"] = str(options.state_dir.absolute())
    try:
        django.setup()
        _provision(options.client_redirect_uri or [DEFAULT_REDIRECT_URI])
        _announce(options.host, options.port)
        WebServer(
            "mdp_site.identity.asgi:application", host=options.host, port=options.port, trusted_proxies=[]
        ).serve_until_stopped()
    except ConfigurationError as error:
        sys.exit(f"configuration error: {error}")


def _provision(redirect_uris: list[str]) -> None:
    from django.conf import settings  # noqa: PLC0415 - only after django.setup

    from mdp_site.identity import provision  # noqa: PLC0415

    provision.migrate()
    provision.provision_client(settings.CLIENT_ID, settings.CLIENT_SECRET, redirect_uris)
    provision.provision_user(settings.DEMO_PASSWORD, settings.DEMO_GROUPS)


def _announce(host: str, port: int) -> None:
    from django.conf import settings  # noqa: PLC0415 - only after django.setup

    from mdp_site.identity.provision import DEMO_USER  # noqa: PLC0415

    lines = (
        f"OpenID Connect provider at http://{host}:{port}",
        f"log in as {DEMO_USER} with the password {settings.DEMO_PASSWORD}",
        f"client {settings.CLIENT_ID}; state and generated secrets in {settings.STATE_DIR}",
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
