"""Retention is the one way by which entries of the audit may go, on both databases."""

import asyncio
import subprocess
from typing import Final

import pytest

from tests.integration.control_plane.conftest import ControlledSite

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]  # each program is a process of its own

IMPORTS: Final = (
    "import datetime as dt; from django.utils import timezone; from django.db import connection;"
    "from mdp_site.control_plane.models import AuditCut, AuditEntry;"
    "from mdp_site.jobs.retention import delete_what_is_old;"
    "ago = lambda days: timezone.now() - dt.timedelta(days=days);"
    "make = lambda days, count: AuditEntry.objects.bulk_create("
    "AuditEntry(at=ago(days), who='ann', service='web', action=f'of {days}', result='done')"
    " for _ in range(count));"
)
OLD: Final = 5_000


def refused(site: ControlledSite, program: str) -> bool:
    """Whether the database refuses what the program does."""
    try:
        site.run(IMPORTS + program)
    except subprocess.CalledProcessError:
        return True
    return False


def counts(site: ControlledSite, *days: int) -> list[int]:
    """How many entries of these ages there are."""
    program = f"print(*(AuditEntry.objects.filter(action=f'of {{days}}').count() for days in {days!r}))"
    return [int(word) for word in site.run(IMPORTS + program).split()]


def test_the_database_lets_no_entry_of_the_last_ninety_days_go_and_no_older_one_without_a_cut(
    site: ControlledSite,
) -> None:
    site.run(IMPORTS + "make(89, 1); make(91, 1)")
    deletion = "connection.cursor().execute(\"DELETE FROM control_plane_auditentry WHERE action = 'of {}'\")"
    assert refused(site, deletion.format(91)), "there is no cut"
    too_old = "AuditCut.objects.create(earlier_than=ago(92));"
    assert refused(site, too_old + deletion.format(91)), "the cut is of an earlier time"
    site.run(IMPORTS + "AuditCut.objects.create(earlier_than=timezone.now())")
    assert refused(site, deletion.format(89)), "it is too young, whatever the cut says"
    assert refused(
        site, "connection.cursor().execute(\"UPDATE control_plane_auditentry SET result = 'nothing'\")"
    )
    assert counts(site, 89, 91) == [1, 1]
    assert not refused(site, deletion.format(91))
    assert counts(site, 89, 91) == [1, 0]
    site.run(IMPORTS + "AuditCut.objects.all().delete()")


def test_the_table_cannot_be_truncated(site: ControlledSite) -> None:
    vendor = site.run(IMPORTS + "print(connection.vendor)").strip()
    site.run(IMPORTS + "make(1, 1)")
    # SQLite has no such statement: its form of it is a deletion without a condition.
    statement = "DELETE FROM" if vendor == "sqlite" else "TRUNCATE"
    assert refused(site, f"connection.cursor().execute('{statement} control_plane_auditentry')")
    assert counts(site, 1) == [1]


async def test_two_runs_at_once_delete_and_note_each_old_entry_once(site: ControlledSite) -> None:
    site.run(IMPORTS + f"make(800, {OLD}); make(700, 1)")
    run = IMPORTS + "print(delete_what_is_old())"
    outcomes = await asyncio.gather(*(asyncio.to_thread(site.run, run) for _ in range(2)))
    assert any("entries of the audit" in outcome for outcome in outcomes), outcomes
    assert counts(site, 800, 700) == [0, 1]
    noted = site.run(
        IMPORTS + "print(*(entry.after['entries'] for entry in "
        "AuditEntry.objects.filter(action='entries deleted')), AuditCut.objects.count())"
    )
    *parts, cuts = (int(word) for word in noted.split())
    assert (sum(parts), cuts) == (OLD, 0), parts
    assert "nothing was old enough" in site.run(run)
