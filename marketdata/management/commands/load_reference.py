"""`manage.py load_reference`: previous session, average volume and float of every symbol, into the cache."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.errors import MarketDataError
from marketdata.jobs import Refreshed, reference_configuration, refresh
from marketdata.reference.loader import Progress


class Command(BaseCommand):
    help = "Load reference data for the whole market by REST and store it in the cache (about 35 requests)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-stale",
            action="store_true",
            help="do nothing when the stored data is of the current trading day",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            refreshed = asyncio.run(
                refresh(
                    reference_configuration(),
                    only_if_stale=options["if_stale"],
                    progress=self._show if options["verbosity"] > 0 else None,
                )
            )
        except MarketDataError as error:
            raise CommandError(f"reference data not loaded: {error}") from error
        self._conclude(refreshed)

    def _show(self, progress: Progress) -> None:
        line = f"[{progress.done:2}/{progress.total}] {progress.step}"
        if self.stdout.isatty():
            self.stdout.write(f"\r{line:<60}", ending="\n" if progress.done == progress.total else "")
            self.stdout.flush()
        else:
            self.stdout.write(line)

    def _conclude(self, refreshed: Refreshed) -> None:
        loaded = refreshed.loaded
        if loaded is None:
            self.stdout.write(f"reference data: {refreshed.outcome}")
            return
        self.stdout.write(
            self.style.SUCCESS(
                f"reference data of {loaded.date}: {len(loaded.block)} symbols, {loaded.requests} requests"
            )
        )
        for what in loaded.not_entitled:
            self.stdout.write(self.style.WARNING(f"not included in the provider's plan: {what}"))
