"""`manage.py load_reference`: loads slow-changing facts about every symbol into the cache."""

import asyncio
import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.errors import MarketDataError
from marketdata.jobs import Refreshed, load_state, reference_configuration, refresh
from marketdata.reference.loader import Loaded
from marketdata.reference.parts import Progress
from marketdata.reference.state import LoadState
from marketdata.units import MS_PER_SECOND


class Command(BaseCommand):
    help = "Load reference data for the whole market by REST and store it in the cache (about 55 requests)."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--status", action="store_true", help="load nothing; show the newest load's progress or outcome"
        )
        what.add_argument(
            "--if-stale",
            action="store_true",
            help="do nothing when the stored data is of the current trading day",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["status"]:
            self._show_state()
            return
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
        self._show_missing(loaded)

    def _show_state(self) -> None:
        try:
            state = asyncio.run(load_state(reference_configuration()))
        except MarketDataError as error:
            raise CommandError(f"state of reference data not known: {error}") from error
        if state is None:
            self.stdout.write("reference data: no load in the last day")
            return
        reported_at = dt.datetime.fromtimestamp(state.reported_at_ms / MS_PER_SECOND, tz=dt.UTC)
        detail = {
            "date": state.date,
            "steps": f"{state.done}/{state.total}",
            "step": state.step,
            "symbols": state.symbols,
            "requests": state.requests,
            "error": state.error,
        }
        words = ", ".join(f"{name} {value}" for name, value in detail.items() if value)
        self.stdout.write(
            f"reference data: {state.phase} at {reported_at.isoformat(timespec='seconds')}, {words}"
        )
        self._show_missing(state)

    def _show_missing(self, outcome: Loaded | LoadState) -> None:
        for flaw in outcome.flaws:
            words = f"{flaw}. {flaw.detail}" if flaw.detail else str(flaw)
            self.stdout.write(self.style.WARNING(words))
        for date in outcome.closures:
            self.stdout.write(f"closed by the provider's minute bars, not by the calendar: {date}")
        for what, rows in sorted(outcome.left_out.items()):
            self.stdout.write(f"rows left out, {what}: {rows}")
        if any(flaw.passes for flaw in outcome.flaws):
            self.stdout.write("the job 'refresh reference data' loads the missing parts again")
