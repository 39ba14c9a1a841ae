"""`manage.py schema`: write the files that are generated from declarations, or check them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.errors import ConfigurationError
from mdp_site.schema_files import ROOT, stale_files, write_files


class Command(BaseCommand):
    help = (
        "Write the files that are generated from the declared columns, boards, streams, symbol feeds, "
        "settings, messages and operations of the API."
    )
    requires_system_checks: tuple[str, ...] = ()  # the checks load widgets, which read one of the files

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="write nothing; fail if a file is outdated, or a kind of feed breaks its interface",
        )

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        try:
            paths = stale_files(ROOT) if check else write_files(ROOT)
            if check and paths:
                raise CommandError(
                    f"not current: {', '.join(map(str, paths))}. Write them with `make schema`."
                )
            if check:
                _check_feeds()
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        for path in paths:
            self.stdout.write(f"written: {path}")


def _check_feeds() -> None:
    """Build the catalog of feeds, as a web process does at its start."""
    from widgets.hub.feeds import feed_catalog  # noqa: PLC0415 - reads a file that must be current first

    feed_catalog()
