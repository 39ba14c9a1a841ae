"""`manage.py status`: whether the installation is healthy, what is wrong, and what every process does."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.control.document import InstallationReader
from marketdata.control.history import Sample
from marketdata.control.history_keeping import HistoryReader
from marketdata.control.overview_reading import READING_SECONDS, TWO_REPORTS_SECONDS
from marketdata.control.tables import as_text
from marketdata.control.verdict import Health
from marketdata.errors import ConfigurationError, StoreUnavailable
from marketdata.runtime.backoff import stopped_within
from marketdata.store.connection import connect
from marketdata.store.history_records import HistoryRecords
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from mdp_site.jobs.installation import installation_reader

HOME: Final = "\x1b[H"
CLEAR_LINE: Final = "\x1b[K"
CLEAR_BELOW: Final = "\x1b[J"
CLEAR: Final = "\x1b[2J"


class Command(BaseCommand):
    help = (
        "Show whether the installation is healthy, what is wrong, since when and what to do, and what every "
        "process does. Exit code: 0 healthy, 1 degraded, 2 down or unknown. It takes two readings, a second "
        "apart, since rates need two."
    )
    requires_system_checks = ()  # it must run while anything is away

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="one JSON document; see docs/operations.md")
        how.add_argument(
            "--watch", action="store_true", help="show it again every second, until Ctrl-C or SIGTERM"
        )

        parser.add_argument(
            "--history", action="store_true", help="with --json: also what was done in the last 15 minutes"
        )

    def handle(self, *_args: Any, json: bool, watch: bool, history: bool, **_options: Any) -> None:
        if history and not json:
            raise CommandError("--history needs --json", returncode=Health.UNKNOWN.exit_code)
        try:
            code = asyncio.run(self._run(json=json, watch=watch, history=history))
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=Health.UNKNOWN.exit_code) from error
        sys.exit(code)

    async def _run(self, *, json: bool, watch: bool, history: bool) -> int:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with contextlib.aclosing(connect(settings.MDC_URL, retries=0)) as redis:
            reader = installation_reader(ProcessRecords(redis, Keys(settings.MDC_KEY_PREFIX)))
            if watch:
                return await self._watch(reader, stopping)
            await reader.newest()
            await stopped_within(stopping, TWO_REPORTS_SECONDS)
            document = await reader.newest()
            samples = None
            if history:
                samples = await _samples(HistoryReader(HistoryRecords(redis, Keys(settings.MDC_KEY_PREFIX))))
        if json:
            printed = msgspec.structs.asdict(document)
            if history:
                printed["history"] = samples
            self.stdout.write(msgspec.json.format(msgspec.json.encode(printed)).decode())
        else:
            self.stdout.write(as_text(document.overview, document.verdict), ending="")
        return document.verdict.state.exit_code

    async def _watch(self, reader: InstallationReader, stopping: asyncio.Event) -> int:
        """Write each reading over the one before. Returns the exit code of the last."""
        self.stdout.write(CLEAR, ending="")
        while True:
            document = await reader.newest()
            lines = as_text(document.overview, document.verdict).splitlines()
            text = "".join(f"{line}{CLEAR_LINE}\n" for line in lines)
            self.stdout.write(f"{HOME}{text}{CLEAR_BELOW}", ending="")
            self.stdout.flush()
            if await stopped_within(stopping, READING_SECONDS):
                return document.verdict.state.exit_code


async def _samples(history: HistoryReader) -> Sequence[Sample] | None:
    """The history; None if the cache is away, which the document says."""
    with contextlib.suppress(StoreUnavailable):
        return await history.newest()
    return None
