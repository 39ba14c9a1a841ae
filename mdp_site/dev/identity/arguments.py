"""Command line of the embedded provider, shared by the management command and the module."""

import argparse
from pathlib import Path
from typing import Final

CALLBACK_PATH: Final = "/accounts/oidc/oidc/login/callback/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8001, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path("var/identity"),
        help="directory of its database, keys and generated secrets (default: %(default)s)",
    )
    parser.add_argument(
        "--client-redirect-uri",
        action="append",
        default=[],
        metavar="URI",
        help="where the site takes the browser back after a login; may be repeated; a loopback address "
        f"counts under both its names, 127.0.0.1 and localhost (default: SITE_URL{CALLBACK_PATH})",
    )
    parser.add_argument("--user", default="demo", help="name of its one user (default: %(default)s)")
