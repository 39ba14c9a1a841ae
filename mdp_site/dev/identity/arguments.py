"""Command-line options of the embedded provider, for the management command and the module."""

import argparse
from pathlib import Path
from typing import Final

CALLBACK_PATH: Final = "/accounts/oidc/oidc/login/callback/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
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
        help="redirect URI of the site after a login; may be repeated; for a loopback address both names, "
        f"127.0.0.1 and localhost, are registered (default: SITE_URL{CALLBACK_PATH})",
    )
    parser.add_argument("--user", default="demo", help="name of its user (default: %(default)s)")
