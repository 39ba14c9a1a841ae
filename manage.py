#!/usr/bin/env python
"""Entry point of every command of the platform."""

import os
import sys

from django.core.management import BaseCommand, ManagementUtility
from django.core.management.base import ALL_CHECKS

from marketdata.errors import ConfigurationError
from marketdata.runtime.restart import begin_again_if_requested

LISTS_PROBLEMS = "check"
"""The command whose answer are the problems themselves, each with its number and hint."""

CHECK_LATER = frozenset({"migrate"})
"""Commands that run Django's checks themselves, once they have begun."""


class Management(ManagementUtility):
    """Django's command line; a setting that must not be run with ends a command before it starts, in a line.

    Django's own list of problems, many lines long, is what the other wrong settings do not get.
    """

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """The command, once the settings may be run with it.

        Raises:
            ConfigurationError: naming every wrong setting and what is accepted for it.
        """
        command = super().fetch_command(subcommand)
        asked = self.argv[1:]
        checked = command.requires_system_checks == ALL_CHECKS or subcommand in CHECK_LATER
        unless = subcommand == LISTS_PROBLEMS or {"--help", "-h", "--skip-checks"}.intersection(asked)
        if asked[:1] == [subcommand] and checked and not unless:
            from mdp_site.checks import refuse_when_unsafe  # noqa: PLC0415 - needs the settings

            refuse_when_unsafe()
        return command


def main() -> None:
    """Run a management command; a wrong setting ends it with one readable line instead of a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdp_site.settings")
    try:
        Management(sys.argv).execute()
    except ConfigurationError as error:
        sys.exit(f"configuration error: {error}")
    finally:
        begin_again_if_requested()


if __name__ == "__main__":
    main()
