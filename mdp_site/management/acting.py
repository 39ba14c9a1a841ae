"""Actions of operators at the terminal: their impact, their run, and what became of it."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from asgiref.sync import sync_to_async
from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.control import RevisionOutcome
from marketdata.control.views import Overview
from marketdata.errors import MarketDataError, StoreUnavailable
from marketdata.runtime.settings import declarations
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.actions.running import Prepared, note_refusal, prepared, run
from mdp_site.control_plane.actors import terminal_actor
from mdp_site.control_plane.connected import delivery
from mdp_site.control_plane.models import ActionRun
from mdp_site.jobs.installation import overview_reader

LOOK_SECONDS: Final = 0.2


def prepare(name: str, values: Mapping[str, str], *, reason: str) -> Prepared:
    """The action with its impact by the present overview. A refusal is noted.

    Raises:
        ConfigurationError: the action or its arguments are not accepted, or there is nothing to do it to.
    """
    try:
        return prepared(name, values, asyncio.run(_overview()))
    except MarketDataError as error:
        note_refusal(name, error, actor=terminal_actor(), reason=reason)
        raise


def run_and_follow(
    wish: Prepared, *, reason: str, expected_revision: int | None, wait_seconds: float
) -> ActionRun:
    """Run an action, and wait until its outcome is known, or for `wait_seconds`.

    If the cache is away, it is pending: a web process goes on with it.

    Raises:
        MarketDataError: it is refused.
    """
    made = run(wish, actor=terminal_actor(), reason=reason, expected_revision=expected_revision)
    if made.outcome == RevisionOutcome.PENDING:
        try:
            asyncio.run(_follow(made, wait_seconds))
        except StoreUnavailable as error:
            made.outcome_text = f"saved; a web process goes on with it when the cache is back ({error})"
        else:
            made.refresh_from_db()
    return made


def action_lines() -> list[str]:
    """What actions there are, with their arguments."""
    lines: list[str] = []
    for action in ACTIONS.values():
        lines.append(f"{action.name}: {action.explanation}")
        for name, declared in declarations(action.arguments).items():
            lines.append(f"    {name}=…  ({declared.accepted}) {declared.explanation}")
    return lines


def run_line(made: ActionRun) -> str:
    """One run in one line."""
    arguments = " ".join(f"{name}={value}" for name, value in made.arguments.items())
    reason = f" ({made.reason})" if made.reason else ""
    return (
        f"{made.at:%Y-%m-%d %H:%M:%S} UTC {made.who}: {made.action} {arguments}{reason}: "
        f"{made.outcome} {made.outcome_text}"
    ).rstrip()


async def _overview() -> Overview:
    # A cache that is away is not asked twice.
    async with contextlib.aclosing(connect(settings.MDC_URL, retries=0)) as redis:
        return await overview_reader(ProcessRecords(redis, Keys(settings.MDC_KEY_PREFIX))).newest()


async def _follow(made: ActionRun, wait_seconds: float) -> None:
    clock = SystemClock()
    until = clock.monotonic() + wait_seconds
    async with delivery() as revisions:
        while True:
            await revisions.once()
            if not await sync_to_async(_is_pending)(made) or clock.monotonic() >= until:
                return
            await asyncio.sleep(LOOK_SECONDS)


def _is_pending(made: ActionRun) -> bool:
    return ActionRun.objects.filter(pk=made.pk, outcome=RevisionOutcome.PENDING.value).exists()
