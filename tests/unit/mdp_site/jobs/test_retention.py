"""What is old is deleted, in parts, and what is needed stays."""

import datetime as dt
import os
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import Schedule, Task

from marketdata.control import RevisionOutcome
from marketdata.errors import ConfigurationError
from mdp_site.accounts.models import ApiToken, User
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.models import ActionRun, AuditCut, AuditEntry, Revision
from mdp_site.control_plane.retention import forget_audit
from mdp_site.jobs import retention
from mdp_site.jobs.retention import RetentionFailed, delete_what_is_old
from mdp_site.jobs_settings import SHORTEST_AUDIT_DAYS, JobsSettings
from tests.support.operators import ANN

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


def audit_entries(count: int, *, days: float, **columns: object) -> list[AuditEntry]:
    row = {"who": "ann", "service": "web", "action": "change", "result": "done"} | columns
    return [AuditEntry.objects.create(at=ago(days), **row) for _ in range(count)]


def revisions(ages_days: list[float], *, outcome: RevisionOutcome = RevisionOutcome.PENDING) -> None:
    """Revisions of the web processes with these ages, the oldest first, which no entry of the audit names."""
    for number, days in enumerate(ages_days, start=1):
        Revision.objects.create(
            service="web",
            number=number,
            given={"head_bytes": 2_000 + number},
            who="ann",
            at=ago(days),
            outcome=outcome.value,
        )


def finished(count: int, *, days: float, func: str = "a.job", success: bool = True) -> None:
    Task.objects.bulk_create(
        Task(
            id=os.urandom(16).hex(),
            name="a run",
            func=func,
            started=ago(days),
            stopped=ago(days) + dt.timedelta(milliseconds=number),
            success=success,
        )
        for number in range(count)
    )


def numbers() -> list[int]:
    return sorted(Revision.objects.values_list("number", flat=True))


def test_old_entries_of_the_audit_go_and_each_part_leaves_an_entry_with_counts_and_dates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "PART_ROWS", 2)
    audit_entries(3, days=800)
    (young,) = audit_entries(1, days=700)
    assert delete_what_is_old() == "deleted: 3 entries of the audit"
    assert AuditEntry.objects.filter(pk=young.pk).exists()
    noted = AuditEntry.objects.filter(action="entries deleted").order_by("pk")
    assert [entry.service for entry in noted] == ["audit", "audit"]
    assert [(entry.after or {})["entries"] for entry in noted] == [2, 1]
    assert (noted[0].after or {})["from"] == ago(800).isoformat()
    assert noted[0].who.startswith("program: ")
    assert not AuditCut.objects.exists()
    assert delete_what_is_old() == "nothing was old enough"


def test_operators_choose_how_long_within_bounds_and_the_next_run_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit_entries(1, days=100)
    refusal = f"keep_audit_days is 89; accepted: a whole number from {SHORTEST_AUDIT_DAYS} to 3650 days"
    with pytest.raises(ConfigurationError, match=refusal):
        changes.change("jobs", {"keep_audit_days": 89}, actor=ANN)
    assert delete_what_is_old() == "nothing was old enough"
    monkeypatch.setattr(retention, "jobs_settings", lambda: JobsSettings(keep_audit_days=90))
    assert delete_what_is_old() == "deleted: 1 entries of the audit"


def test_a_deletion_that_fails_deletes_nothing_notes_nothing_and_the_rest_goes_on() -> None:
    audit_entries(2, days=800)
    finished(2, days=40)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER refuses BEFORE DELETE ON control_plane_auditentry "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    try:
        with pytest.raises(RetentionFailed, match=r"entries of the audit: .*no; deleted: 1 finished jobs"):
            delete_what_is_old()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuses")
    assert AuditEntry.objects.count() == 2
    assert not AuditCut.objects.exists()


def test_revisions_go_from_the_oldest_on_and_the_newest_stays_however_old() -> None:
    revisions([900, 890, 880])
    assert delete_what_is_old() == "deleted: 2 revisions of settings"
    assert numbers() == [3]


@pytest.mark.parametrize(
    ("ages_days", "prepare", "kept"),
    [
        ([900, 890, 10, 5], lambda: None, [3, 4]),
        ([900, 890, 880], lambda: applied(2), [2, 3]),
        ([900, 890, 880], lambda: audit_entries(1, days=10, revision=2), [2, 3]),
        ([900, 890, 880], lambda: audit_entries(1, days=10, revision=1, service="scanner"), [3]),
    ],
    ids=["young", "last good", "named by the audit", "named of another service"],
)
def test_a_revision_that_is_needed_stays_with_all_after_it(
    ages_days: list[float], prepare: Callable[[], object], kept: list[int]
) -> None:
    revisions(ages_days)
    prepare()
    delete_what_is_old()
    assert numbers() == kept


def applied(number: int) -> None:
    Revision.objects.filter(number=number).update(outcome=RevisionOutcome.APPLIED.value)


def test_numbers_go_on_and_settings_of_a_time_that_is_not_kept_are_unknown() -> None:
    revisions([900, 890, 880])
    delete_what_is_old()
    assert changes.change("web", {"head_bytes": 4_096}, actor=ANN).number == 4
    with pytest.raises(ConfigurationError, match="web has no revision 1; accepted: 3 to 4"):
        changes.restore("web", 1, actor=ANN)
    with pytest.raises(ConfigurationError, match=r"the settings of web at .* are not kept any more"):
        history.as_of("web", ago(885))
    assert history.as_of("web", ago(1)) == Revision.objects.get(number=3)


def test_the_first_revision_may_be_asked_for_what_was_before_it() -> None:
    revisions([20])
    assert history.as_of("web", ago(30)) is None


def test_decided_actions_go_and_pending_ones_stay() -> None:
    for outcome in (RevisionOutcome.APPLIED, RevisionOutcome.PENDING):
        ActionRun.objects.create(action="stop", service="web", who="ann", at=ago(400), outcome=outcome.value)
    assert delete_what_is_old() == "deleted: 1 actions"
    assert ActionRun.objects.get().outcome == RevisionOutcome.PENDING


def test_finished_jobs_go_except_the_newest_run_of_each() -> None:
    finished(3, days=40)
    finished(1, days=40, func="another.job")
    finished(2, days=20, func="a.third")
    assert delete_what_is_old() == "deleted: 2 finished jobs"
    assert Task.objects.filter(func="a.job").count() == 1
    assert Task.objects.count() == 4


def test_a_job_that_fails_every_minute_keeps_its_newest_failures_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "KEPT_FAILURES", 3)
    finished(5, days=1, success=False)
    finished(5, days=1, success=True)
    newest = list(Task.objects.filter(success=False).order_by("-stopped").values_list("pk", flat=True)[:3])
    assert delete_what_is_old() == "deleted: 2 finished jobs"
    assert set(Task.objects.filter(success=False).values_list("pk", flat=True)) == set(newest)


def test_tokens_go_some_time_after_their_end() -> None:
    ann = User.objects.create_user("ann")
    for name, days in (("old", 100.0), ("new", 10.0)):
        ApiToken.objects.issue(ann, name=f"{name} expired", expires_at=ago(days))
        token, _ = ApiToken.objects.issue(ann, name=f"{name} revoked")
        ApiToken.objects.filter(pk=token.pk).update(revoked_at=ago(days))
    ApiToken.objects.issue(ann, name="usable")
    assert delete_what_is_old() == "deleted: 2 ended API tokens"
    assert set(ApiToken.objects.values_list("name", flat=True)) == {"new expired", "new revoked", "usable"}


def test_what_does_not_fit_into_the_time_of_a_job_is_left_for_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished(5, days=40)
    monkeypatch.setattr(retention, "PART_ROWS", 1)
    instants = iter([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    monkeypatch.setattr("mdp_site.jobs.retention.time.monotonic", lambda: next(instants, 1_000.0))
    assert delete_what_is_old().endswith("; the rest follows in the next run")
    assert Task.objects.count() > 1


def test_the_job_has_a_schedule_of_its_own() -> None:
    schedule = Schedule.objects.get(name=retention.RETENTION.title)
    assert (schedule.func, schedule.minutes) == (retention.RETENTION.path, 1_440)


def test_nothing_is_noted_if_nothing_is_old() -> None:
    note(ANN, service="web", action="change", result="pending")
    assert forget_audit(ago(730), most=10, actor=ANN) == 0
    assert AuditEntry.objects.count() == 1
