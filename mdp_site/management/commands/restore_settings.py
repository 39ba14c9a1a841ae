"""`manage.py restore_settings`: bring the settings of a backup back. See docs/operations.md."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.errors import MarketDataError, StoreUnavailable
from mdp_site.control_plane.actors import terminal_actor
from mdp_site.control_plane.connected import delivery
from mdp_site.control_plane.presentation import value_text
from mdp_site.jobs.settings_backup import present_settings
from mdp_site.jobs.settings_file import SavedSchedule, read_file
from mdp_site.jobs.settings_restore import SettingsRestoration, restoration, restore


class Command(BaseCommand):
    help = (
        "Bring back the settings of a backup: a new revision of each service that differs, and the schedules "
        "of the jobs. The file is checked as a whole first; what this release does not know is left out and "
        "named. Exit codes: 0 done, or shown; 1 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a backup: settings-*.json in SETTINGS_BACKUP_DIRECTORY")
        parser.add_argument("--dry-run", action="store_true", help="show what differs, and change nothing")
        parser.add_argument(
            "--roles",
            action="store_true",
            help="also give and take roles, as in the file; without it they are only shown",
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the audit")

    def handle(
        self, *_args: Any, file: Path, dry_run: bool, roles: bool, reason: str, **_options: Any
    ) -> None:
        with contextlib.suppress(StoreUnavailable):  # newer settings in the cache must not overtake these
            asyncio.run(_deliver())
        try:
            wanted = restoration(read_file(file), present_settings())
            self._show(wanted, roles=roles)
            if dry_run:
                return
            revisions = restore(
                wanted,
                actor=terminal_actor(),
                reason=reason or f"restored from {file.name}",
                with_roles=roles,
            )
        except MarketDataError as error:
            raise CommandError(str(error)) from error
        for revision in revisions:
            self.stdout.write(f"{revision.service} has the new revision {revision.number}")
        try:
            asyncio.run(_deliver())
        except StoreUnavailable as error:
            self.stdout.write(f"saved; a web process sends it when the cache is back ({error})")

    def _show(self, wanted: SettingsRestoration, *, roles: bool) -> None:
        for line in wanted.left_out:
            self.stdout.write(f"left out: {line}")
        for service, differing in wanted.settings.items():
            for name, each in differing.items():
                self.stdout.write(f"{service} {name}: {value_text(each.before)} -> {value_text(each.after)}")
        for now, shall in wanted.schedules:
            self.stdout.write(f"schedule {shall.name!r}: {_interval(now)} -> {_interval(shall)}")
        for group, members in wanted.roles.items():
            only_shown = "" if roles else " (only with --roles)"
            before, after = (", ".join(names) or "nobody" for names in (members.before, members.after))
            self.stdout.write(f"role {group}: {before} -> {after}{only_shown}")
        if not (wanted.settings or wanted.schedules or wanted.roles):
            self.stdout.write("no difference")


def _interval(schedule: SavedSchedule | None) -> str:
    if schedule is None:
        return "none"
    return f"{schedule.job} {schedule.type}" + (f" {schedule.minutes} minutes" if schedule.minutes else "")


async def _deliver() -> None:
    """Bring database and cache together: each gets what only the other one has."""
    async with delivery() as revisions:
        await revisions.once()
