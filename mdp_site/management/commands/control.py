"""`manage.py control`: show and change what the services do, while they run. See docs/operations.md."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from marketdata.clock import SystemClock
from marketdata.control import Given, InvalidSettings, Report, RevisionOutcome, effect_within
from marketdata.errors import ConfigurationError, MarketDataError, StoreUnavailable
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.actors import terminal_actor
from mdp_site.control_plane.connected import delivery
from mdp_site.control_plane.models import ActionRun, Revision
from mdp_site.control_plane.presentation import (
    as_json,
    described,
    difference_values,
    report_values,
    revision_values,
    run_values,
    setting_values,
    value_text,
)
from mdp_site.control_plane.services import STEERED, service
from mdp_site.management import acting
from mdp_site.management.words import DO, action_in, parse_changes, read_instant

WAIT_SECONDS: Final = 15.0
SHOWN_REVISIONS: Final = 50
REFUSED_BY_PROCESSES: Final = 3
STILL_PENDING: Final = 4
EXIT_CODES: Final = (
    "Exit codes: 0 applied, or shown; 1 refused, and nothing is saved; 2 wrong usage; "
    f"{REFUSED_BY_PROCESSES} saved, and refused by a process or overtaken; "
    f"{STILL_PENDING} saved, and not applied in time."
)


class Command(BaseCommand):
    help = (
        "Show or change what a service does: control web; control web log_level=DEBUG --reason WHY; "
        "control web log_level= (back to the environment); control listener start|stop|restart; "
        "control do (all actions); control do purge_queue queue=trades --impact. " + EXIT_CODES
    )

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **options)
        # Otherwise a setting after an option would not be accepted: `control web --reason WHY name=value`.
        parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", metavar="service", choices=[*sorted(STEERED), DO], help=f"{', '.join(STEERED)}, or {DO}"
        )
        parser.add_argument(
            "words",
            nargs="*",
            metavar="SETTING=VALUE",
            help="or an action and its ARGUMENT=VALUE; without any: show all",
        )
        parser.add_argument(
            "--impact", action="store_true", help="show what an action would do, and change nothing"
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the audit")
        parser.add_argument(
            "--expect", type=int, metavar="N", help="refuse the change if the newest revision is not N"
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=WAIT_SECONDS,
            metavar="SECONDS",
            help="how long to wait for the effect (default: %(default)s)",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--history",
            action="store_true",
            help=f"the newest {SHOWN_REVISIONS} revisions, or runs of actions",
        )
        instead.add_argument(
            "--diff", nargs=2, type=int, metavar=("A", "B"), help="what differs; 0: environment"
        )
        instead.add_argument("--as-of", metavar="TIME", help="the settings at a time, ISO 8601 (UTC)")
        instead.add_argument("--restore", type=int, metavar="N", help="make a new revision equal to N")
        instead.add_argument(
            "--restore-last-good",
            action="store_true",
            help="restore the newest earlier revision that every process applied",
        )

    def handle(self, *_args: Any, name: str, words: Sequence[str], **options: Any) -> None:
        self._json = bool(options["json"])
        logging.disable()  # log lines go to the standard output too, where programs expect the answer alone
        with self._refusals():
            if options["wait"] < 0:
                raise ConfigurationError(f"--wait is {options['wait']:g}; accepted: seconds from 0")
            looks = options["history"] or options["diff"] or options["as_of"] is not None
            restores = options["restore"] is not None or options["restore_last_good"]
            if words and (looks or restores):
                raise ConfigurationError(f"{words[0]!r} is not accepted here; accepted: options alone")
            action, values = action_in(name, words)
            if options["impact"] and not action:
                raise ConfigurationError("--impact is not accepted here; accepted: with an action")
            if action:
                self._act(action, values, options)
            elif name == DO:
                self._show_actions(runs=options["history"])
            elif options["history"]:
                self._show_history(name)
            elif options["diff"]:
                self._show_difference(name, *options["diff"])
            elif options["as_of"] is not None:
                self._show_as_of(name, options["as_of"])
            elif words or restores:
                self._change(name, words, options)
            else:
                self._show(name, asyncio.run(_look(name)))

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except (MarketDataError, DatabaseError) as error:
            text = str(error) if isinstance(error, MarketDataError) else f"the database is away: {error}"
            if self._json:
                errors = error.errors if isinstance(error, InvalidSettings) else {}
                self.stdout.write(as_json({"error": text, "errors": errors}))
            raise CommandError(text) from error

    def _change(self, name: str, words: Sequence[str], options: Mapping[str, Any]) -> None:
        with contextlib.suppress(StoreUnavailable):  # the revision can be saved all the same
            asyncio.run(_adopt())
        revision = _revised(name, words, options)
        try:
            asyncio.run(_deliver(revision, options["wait"]))
        except StoreUnavailable as error:
            self._end(revision, f"saved; a web process sends it when the cache is back ({error})")
            return
        revision.refresh_from_db()
        self._end(revision, revision.outcome_text)

    def _end(self, revision: Revision, explanation: str) -> None:
        if self._json:
            self.stdout.write(as_json(revision_values(revision) | {"explanation": explanation}))
        self._finish(f"{revision.service} revision {revision.number}", revision.outcome, explanation)

    def _finish(self, what: str, outcome: str, explanation: str) -> None:
        text = f"{what} is {outcome}: {explanation}"
        if outcome == RevisionOutcome.PENDING:
            raise CommandError(text, returncode=STILL_PENDING)
        if outcome != RevisionOutcome.APPLIED:
            raise CommandError(text, returncode=REFUSED_BY_PROCESSES)
        if not self._json:
            self.stdout.write(self.style.SUCCESS(text))

    def _act(self, action: str, values: Mapping[str, str], options: Mapping[str, Any]) -> None:
        with contextlib.suppress(StoreUnavailable):  # the action can be saved all the same
            asyncio.run(_adopt())
        wish = acting.prepare(action, values, reason=options["reason"])
        if options["impact"]:
            self.stdout.write(as_json({"impact": wish.impact}) if self._json else wish.impact)
            return
        if not self._json:
            self.stdout.write(wish.impact)
        made = acting.run_and_follow(
            wish,
            reason=options["reason"],
            expected_revision=options["expect"],
            wait_seconds=options["wait"],
        )
        if self._json:
            self.stdout.write(as_json(run_values(made)))
        self._finish(f"{made.action} of {made.service}", made.outcome, made.outcome_text)

    def _show_actions(self, *, runs: bool) -> None:
        newest = ActionRun.objects.all()[:SHOWN_REVISIONS] if runs else ()
        if self._json:
            self.stdout.write(as_json([run_values(each) for each in newest] if runs else sorted(ACTIONS)))
            return
        for line in map(acting.run_line, newest) if runs else acting.action_lines():
            self.stdout.write(line)

    def _show(self, name: str, reports: Sequence[Report] | None) -> None:
        newest = history.newest(name)
        given: Given = newest.given if newest else {}
        wanted = service(name).wanted(given, version=newest.number if newest else 0)
        processes = None if reports is None else [report_values(each, wanted) for each in reports]
        settings = setting_values(wanted, given)
        if self._json:
            revision = revision_values(newest) if newest else None
            self.stdout.write(
                as_json({"service": name, "newest": revision, "settings": settings, "processes": processes})
            )
            return
        for each in settings:
            origin = "operator" if each["given"] else "environment"
            line = "{name} = {value}  ({accepted}; {applies}; {origin})".format(**each, origin=origin)
            self.stdout.write(f"{line}\n    {each['explanation']}")
        if newest is None:
            self.stdout.write("revision 0: the environment alone")
        else:
            self.stdout.write(f"revision {described(newest, history.own_changes(newest))}")
            self.stdout.write(f"    {newest.outcome}: {newest.outcome_text}")
        self._show_processes(processes)

    def _show_processes(self, processes: Sequence[Mapping[str, Any]] | None) -> None:
        if processes is None:
            self.stdout.write("the cache is away: what the processes do is unknown")
            return
        for each in processes:
            still = "".join(f", still {name}={value}" for name, value in each["differing"].items())
            refused = f", refused {each['refused_revision']}: {each['refusal']}" if each["refusal"] else ""
            self.stdout.write(f"{each['source']}: revision {each['revision']}{still}{refused}")
            for fact in each["facts"]:
                self.stdout.write(f"    {fact}")
        if not processes:
            self.stdout.write("no process reports")

    def _show_history(self, name: str) -> None:
        revisions = history.newest_first(name, most=SHOWN_REVISIONS)
        if self._json:
            self.stdout.write(as_json([revision_values(each) for each in revisions]))
            return
        for each in revisions:
            self.stdout.write(described(each, history.own_changes(each)))
            self.stdout.write(f"    {each.outcome}: {each.outcome_text}")
        if not revisions:
            self.stdout.write(f"{name} has no revisions: the environment alone")

    def _show_difference(self, name: str, first: int, second: int) -> None:
        differing = history.difference(history.given_at(name, first), history.given_at(name, second))
        if self._json:
            self.stdout.write(as_json(difference_values(differing)))
            return
        for setting, each in differing.items():
            self.stdout.write(f"{setting}: {value_text(each.before)} -> {value_text(each.after)}")
        if not differing:
            self.stdout.write("no difference")

    def _show_as_of(self, name: str, text: str) -> None:
        revision = history.as_of(name, read_instant(text))
        if self._json:
            self.stdout.write(as_json({"revision": revision_values(revision) if revision else None}))
        elif revision is None:
            self.stdout.write("revision 0: the environment alone")
        else:
            self.stdout.write(f"revision {described(revision, history.own_changes(revision))}")
            for setting, value in revision.given.items():
                self.stdout.write(f"    {setting} = {value_text(value)}")


def _revised(name: str, words: Sequence[str], options: Mapping[str, Any]) -> Revision:
    common = {"actor": terminal_actor(), "reason": options["reason"], "expected": options["expect"]}
    if options["restore_last_good"]:
        return changes.restore(name, history.last_good(name).number, **common)
    if options["restore"] is not None:
        return changes.restore(name, options["restore"], **common)
    values = parse_changes(words)
    given = {setting: value for setting, value in values.items() if value}
    return changes.change(name, given, unset=[each for each in values if not values[each]], **common)


async def _look(name: str) -> Sequence[Report] | None:
    """The reports of the processes; None while the cache is away."""
    async with delivery() as revisions:
        try:
            await revisions.once()
            return await revisions.followers[name].reports()
        except StoreUnavailable:
            return None


async def _adopt() -> None:
    """Let the database know of newer settings in the cache before the next revision is made."""
    async with delivery() as revisions:
        await revisions.once()


async def _deliver(revision: Revision, wait_seconds: float) -> None:
    """Send the revision, wait for its effect, and store it."""
    async with delivery() as revisions:
        await revisions.once()
        await effect_within(
            revisions.followers[revision.service],
            revision.number,
            deadline_seconds=wait_seconds,
            clock=SystemClock(),
        )
        await revisions.once()
