"""Runs an action of operators at a site of real processes, and waits for its outcome."""

import json
from typing import Final

import msgspec

from tests.support.deadlines import scaled
from tests.support.site import Site

_SCRIPT: Final = """
import asyncio, contextlib, json, sys, time

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.control.overview_reading import OverviewReader
from marketdata.errors import MarketDataError
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from mdp_site.control_plane.actions.running import prepared, run
from mdp_site.control_plane.actors import terminal_actor
from mdp_site.jobs.schedules import read_jobs
from mdp_site.service_settings import SERVICES

name, values, seconds = json.loads(WISH)

async def overview():
    async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
        records = ProcessRecords(redis, Keys(settings.MDC_KEY_PREFIX))
        reader = OverviewReader(
            records, services=list(SERVICES), shard_count=1, read_jobs=read_jobs, clock=SystemClock()
        )
        return await reader.newest()

done = run(prepared(name, values, asyncio.run(overview())), actor=terminal_actor())
deadline = time.monotonic() + seconds
while done.outcome == "pending" and time.monotonic() < deadline:
    time.sleep(0.05)
    done.refresh_from_db()
print(json.dumps({
    "impact": done.impact, "outcome": done.outcome, "text": done.outcome_text,
    "expected": done.expected, "done_by": done.done_by,
}))
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an action, and what its impact was."""

    impact: str
    outcome: str
    text: str
    expected: list[str]
    done_by: list[str]


def act(site: Site, name: str, within_seconds: float = 10.0, **values: object) -> Outcome:
    """Run an action as the person at the terminal, and wait until it is no longer pending."""
    wish = json.dumps([name, values, scaled(within_seconds)])
    printed = site.manage("shell", "--no-imports", "-c", _SCRIPT.replace("WISH", repr(wish)))
    return msgspec.json.decode(printed.splitlines()[-1], type=Outcome)
