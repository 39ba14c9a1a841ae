"""Operators steer the services of a running site at the terminal, on SQLite and on PostgreSQL."""

import asyncio
import subprocess
from typing import Any

import msgspec
import pytest

from marketdata.runtime.live_settings import SettingsActual
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from tests.integration.control_plane.conftest import ControlledSite
from tests.support.deadlines import eventually_sync, scaled

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]

REFUSED, SAVED_AND_REFUSED, SAVED_AND_PENDING = 1, 3, 4


def number_of(site: ControlledSite) -> int:
    _, shown = site.control("web", "--json")
    return int(shown["newest"]["revision"]) if shown["newest"] else 0


def test_a_change_is_applied_shown_compared_and_restored(site: ControlledSite) -> None:
    start = number_of(site)
    code, changed = site.control("web", "--reason", "too loud", "log_level=WARNING", "--json")
    assert (code, changed["outcome"], changed["explanation"]) == (0, "applied", "applied by 1 of 1 processes")
    assert changed["who"].startswith("terminal: ")
    assert len(changed["applied_by"]) == 1
    first = changed["revision"]
    assert first == start + 1

    code, text = site.control("web", "head_bytes=2048", "log_level=")
    assert code == 0, text
    assert f"web revision {first + 1} is applied: applied by 1 of 1 processes" in text

    code, text = site.control("web")
    assert code == 0
    assert "head_bytes = 2048  (a whole number from 1024 to 1048576 bytes; live; operator)" in text
    assert "log_level = INFO  (one of DEBUG, INFO, WARNING, ERROR, CRITICAL; live; environment)" in text
    assert f": revision {first + 1}\n" in text

    code, differing = site.control("web", "--diff", str(first), str(first + 1), "--json")
    assert (code, differing) == (
        0,
        {
            "head_bytes": {"before": None, "after": 2048},
            "log_level": {"before": "WARNING", "after": None},
        },
    )
    code, restored = site.control("web", "--restore-last-good", "--json")
    assert (code, restored["given"], restored["outcome"]) == (0, {"log_level": "WARNING"}, "applied")
    code, emptied = site.control("web", "--restore", "0", "--json")
    assert (code, emptied["given"]) == (0, {})


def test_what_no_process_applies_in_time_stays_pending_and_says_so(site: ControlledSite) -> None:
    code, text = site.control("scanner", "log_level=DEBUG", "--wait", "0.2")
    assert code == SAVED_AND_PENDING
    assert "is pending: no process reports" in text


async def test_what_a_process_refuses_stays_saved_as_refused_with_the_reason(site: ControlledSite) -> None:
    _, shown = await asyncio.to_thread(site.control, "processor", "--json")
    number = shown["newest"]["revision"] + 1 if shown["newest"] else 1
    report = SettingsActual(
        source="p:1",
        reported_at_ms=1,
        version=0,
        values={},
        refused_version=number,
        refusal="longest_publish_interval_ms is 6000; accepted: less than the 5000 ms",
    )
    async with connect(site.cache.url) as redis:
        records = InstanceRecords(redis, Keys(""), "processor", "p:1")
        await records.report_actual(msgspec.json.encode(report), lifetime_seconds=scaled(60))
        code, text = await asyncio.to_thread(site.control, "processor", "longest_publish_interval_ms=6000")
    assert code == SAVED_AND_REFUSED
    assert f"processor revision {number} is refused: refused by p:1: {report.refusal}" in text
    _, shown = await asyncio.to_thread(site.control, "processor", "--json")
    assert (shown["newest"]["outcome"], shown["processes"][0]["refused_revision"]) == ("refused", number)


def test_a_revision_that_is_saved_while_the_cache_is_away_is_sent_when_it_is_back(
    site: ControlledSite,
) -> None:
    site.cache.stop()
    try:
        code, text = site.control("web", "log_level=ERROR")
        assert code == SAVED_AND_PENDING
        assert "saved; a web process sends it when the cache is back" in text
        code, text = site.control("web")
        assert code == 0
        assert "log_level = ERROR" in text
        assert "the cache is away: what the processes do is unknown" in text
    finally:
        site.cache.start()

    def outcome() -> bool:
        _, shown = site.control("web", "--json")
        return bool(shown["newest"]["outcome"] == "applied")

    eventually_sync(outcome, 30)
    assert '"revisions not sent"' in site.log


async def test_of_two_operators_at_once_with_one_expectation_one_is_refused(site: ControlledSite) -> None:
    expected = str(await asyncio.to_thread(number_of, site))

    async def change(level: str) -> tuple[int, Any]:
        arguments = ("web", f"log_level={level}", "--expect", expected)
        return await asyncio.to_thread(site.control, *arguments)

    (first, one), (second, other) = await asyncio.gather(change("ERROR"), change("DEBUG"))
    assert REFUSED in (first, second), (one, other)
    assert min(first, second) == 0, (one, other)
    refusal = one if first == REFUSED else other
    assert "Look again" in refusal
    assert "by terminal: " in refusal


def test_the_database_itself_refuses_to_change_the_audit(site: ControlledSite) -> None:
    for statement in (
        "UPDATE control_plane_auditentry SET result = 'nothing happened'",
        "DELETE FROM control_plane_auditentry",
    ):
        program = (
            "from mdp_site.control_plane.models import AuditEntry; from django.db import connection;"
            "assert AuditEntry.objects.exists();"
            f"connection.cursor().execute({statement!r})"
        )
        with pytest.raises(subprocess.CalledProcessError):
            site.run(program)
    count = "from mdp_site.control_plane.models import AuditEntry; print(AuditEntry.objects.count())"
    assert int(site.run(count)) > 1


def test_the_migrations_of_the_audit_can_be_taken_back(site: ControlledSite) -> None:
    site.manage("migrate", "control_plane", "0001", "--verbosity", "0")
    site.manage("migrate", "control_plane", "--verbosity", "0")
