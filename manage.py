#!/usr/bin/env python
"""Entry point of every command of the platform."""

import os
import sys

from django.core.management import execute_from_command_line

from marketdata.errors import ConfigurationError


def main() -> None:
    """Run a management command; a wrong setting ends it with one readable line instead of a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdp_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.exit(f"configuration error: {error}")


if __name__ == "__main__":
    main()
