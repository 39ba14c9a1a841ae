"""Settings are written to private files, and brought back from them, also from those of other releases."""

import datetime as dt
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django_q.models import Schedule
from hypothesis import given as examples
from hypothesis import strategies as st
from pytest_django import Settings

from marketdata.errors import ConfigurationError
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import OPERATORS, VIEWERS
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.models import AuditEntry, Revision
from mdp_site.jobs import settings_backup
from mdp_site.jobs.settings_backup import back_up_settings, backups, present_settings
from mdp_site.jobs.settings_file import (
    FORMAT,
    SavedRevision,
    SavedSettings,
    encode_file,
    read_file,
)
from mdp_site.jobs_settings import JobsSettings
from tests.support.operators import ANN, member_of

pytestmark = pytest.mark.django_db
JOB = "marketdata.jobs.refresh_reference_data"


@pytest.fixture
def directory(settings: Settings, tmp_path: Path) -> Path:
    """Where backups go. The cache is away: nothing is sent, and nothing is lost."""
    settings.MDC_URL = "unix:///nowhere?db=0"
    settings.SETTINGS_BACKUP_DIRECTORY = tmp_path / "state" / "backups"
    return tmp_path / "state" / "backups"


def restored(path: Path, *options: str) -> str:
    """What the command says."""
    output = io.StringIO()
    call_command("restore_settings", str(path), *options, stdout=output)
    return output.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(CommandError) as failed:
        restored(path)
    return str(failed.value)


def written(directory: Path, **changes_of_file: Any) -> Path:
    """A backup of the present settings with some members replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    content = json.loads(encode_file(present_settings())) | changes_of_file
    path = directory / "settings-other.json"
    path.write_text(json.dumps(content))
    return path


def saved(**given: Any) -> dict[str, Any]:
    return {"revision": 9, "given": given, "who": "ann", "at": "2025-01-01T00:00:00Z"}


def test_a_backup_has_the_choices_of_operators_and_no_secret_and_only_its_owner_can_read_it(
    directory: Path,
) -> None:
    changes.change("web", {"head_bytes": 4_096}, actor=ANN, reason="long cookies")
    _, secret = ApiToken.objects.issue(member_of(OPERATORS), name="ticker")
    assert back_up_settings().startswith("written: settings-")
    (path,) = backups(directory)
    found = read_file(path)
    assert found.services["web"].given == {"head_bytes": 4_096}
    assert (found.services["web"].who, found.services["web"].reason) == ("ann", "long cookies")
    assert found.roles[OPERATORS.name] == ("eve",)
    assert JOB in {each.job for each in found.schedules}
    text = path.read_text()
    assert secret not in text
    assert "password" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [each.name for each in directory.iterdir()] == [path.name], "no draft is left"


def test_a_backup_is_written_when_something_changed_and_the_newest_ones_are_kept(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_backup, "jobs_settings", lambda: JobsSettings(keep_backups=2))
    names = []
    for size in (2_048, 4_096, 8_192):
        changes.change("web", {"head_bytes": size}, actor=ANN)
        assert back_up_settings().startswith("written")
        names.append(backups(directory)[-1].name)
        assert back_up_settings() == f"unchanged since {names[-1]}"
    assert [each.name for each in backups(directory)] == names[1:]


def test_a_backup_that_cannot_be_read_is_followed_by_one_that_can(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "settings-20990101T000000000000Z.json").write_bytes(b"{")
    assert back_up_settings().startswith("written")


def test_a_directory_that_cannot_be_written_is_named(directory: Path) -> None:
    directory.parent.mkdir()
    directory.write_text("a file")
    with pytest.raises(ConfigurationError, match=r"SETTINGS_BACKUP_DIRECTORY is .*accepted: a directory"):
        back_up_settings()


def test_a_restored_service_has_a_new_revision_with_all_settings_of_the_file(directory: Path) -> None:
    changes.change("web", {"head_bytes": 4_096, "log_level": "ERROR"}, actor=ANN)
    back_up_settings()
    changes.change("web", {"head_bytes": 8_192, "banner": "new"}, unset=["log_level"], actor=ANN)
    changes.change("scanner", {"log_level": "DEBUG"}, actor=ANN)

    said = restored(backups(directory)[0], "--reason", "the disk is back")
    assert 'web banner: "new" -> (environment)' in said
    assert "web head_bytes: 8192 -> 4096" in said
    assert "web has the new revision 3" in said
    newest = history.newest("web")
    assert newest is not None
    assert (newest.number, newest.given) == (3, {"head_bytes": 4_096, "log_level": "ERROR"})
    assert (newest.who.partition(":")[0], newest.reason) == ("terminal", "the disk is back")
    assert AuditEntry.objects.filter(service="web", revision=3, action="change").exists()
    assert Revision.objects.filter(service="scanner").count() == 1, "the file does not name it"
    assert "no difference" in restored(backups(directory)[0])


def test_a_dry_run_shows_the_difference_and_changes_nothing(directory: Path) -> None:
    path = written(directory, services={"web": saved(head_bytes=4_096)})
    assert "web head_bytes: (environment) -> 4096" in restored(path, "--dry-run")
    assert not Revision.objects.exists()


def test_a_file_of_an_older_release_is_restored_without_the_names_that_are_gone(directory: Path) -> None:
    path = written(
        directory,
        release="0.0.9",
        services={
            "web": saved(head_bytes=4_096, colour="red"),
            "sorter": saved(speed=3),
            "processor": saved(show_test_issues=True),
        },
        schedules=[{"name": "old", "job": "marketdata.jobs.sort", "type": "I", "minutes": 5}],
        roles={"readers": ["ann"], VIEWERS.name: ["nobody"]},
        something="of a later release",
    )
    said = restored(path)
    for line in (
        "left out: web has no setting 'colour'",
        "left out: there is no service 'sorter'",
        "left out: processor: show_test_issues changes with a restart only; set SHOW_TEST_ISSUES for that",
        "left out: the schedule 'old' is not of a job of this release: marketdata.jobs.sort",
        "left out: there is no group 'readers'",
        "left out: there is no user 'nobody', who was in viewers",
        "web has the new revision 1",
    ):
        assert line in said
    assert [(each.service, each.given) for each in Revision.objects.all()] == [("web", {"head_bytes": 4_096})]


def test_a_file_with_a_value_that_is_not_accepted_is_refused_as_a_whole(directory: Path) -> None:
    path = written(
        directory,
        services={
            "scanner": saved(log_level="ERROR"),
            "web": saved(head_bytes=1, log_level="LOUD"),
            "jobs": saved(keep_backups=0),
        },
    )
    said = refusal(path)
    assert "web: head_bytes is 1; accepted" in said
    assert "log_level is 'LOUD'; accepted: one of DEBUG" in said
    assert "jobs: keep_backups is 0; accepted" in said
    assert not Revision.objects.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is no backup of settings"),
        (b"\xff\xfe", "is no backup of settings"),
        (b"[]", "is no backup of settings"),
        (
            b'{"format": 2, "made_at": "2026-01-01T00:00:00Z", "release": "9"}',
            "has the format 2; accepted: 1",
        ),
    ],
)
def test_what_is_no_backup_is_refused(directory: Path, content: bytes, reason: str) -> None:
    directory.mkdir(parents=True)
    path = directory / "settings-x.json"
    path.write_bytes(content)
    assert reason in refusal(path)
    assert "cannot be read: No such file" in refusal(directory / "missing")


def test_schedules_come_back_within_bounds_and_are_an_entry_of_the_audit(directory: Path) -> None:
    Schedule.objects.filter(func=JOB).update(minutes=20)
    back_up_settings()
    Schedule.objects.filter(func=JOB).update(minutes=59, repeats=3)
    Schedule.objects.filter(name="purge expired sessions").delete()
    said = restored(backups(directory)[0])
    assert f"schedule 'refresh reference data': {JOB} I 59 minutes -> {JOB} I 20 minutes" in said
    assert "schedule 'purge expired sessions': none -> " in said
    assert Schedule.objects.get(func=JOB).minutes == 20
    assert Schedule.objects.get(func=JOB).repeats == -1
    entry = AuditEntry.objects.get(action="schedules restored")
    assert (entry.before or {})["refresh reference data"]["minutes"] == 59
    assert (entry.before or {})["purge expired sessions"] is None

    path = written(
        directory,
        schedules=[{"name": "refresh reference data", "job": JOB, "type": "I", "minutes": 9_999}],
    )
    assert "left out: the schedule 'refresh reference data': The interval is 9999; accepted" in restored(path)


def test_roles_are_given_and_taken_only_if_that_is_asked_for(directory: Path) -> None:
    eve = member_of(OPERATORS, "eve")
    back_up_settings()
    eve.groups.clear()
    bob = member_of(OPERATORS, "bob")
    path = backups(directory)[0]
    assert "role operators: bob -> eve (only with --roles)" in restored(path)
    assert list(eve.groups.all()) == []
    restored(path, "--roles")
    assert list(eve.groups.all()) == [Group.objects.get(name=OPERATORS.name)]
    assert list(bob.groups.all()) == []
    who = AuditEntry.objects.filter(action="roles changed").latest("pk").who
    assert who.startswith("terminal: ")
    assert User.objects.count() == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda each: st.lists(each, max_size=3),
)


@examples(st.dictionaries(st.text(), VALUES, max_size=5))
def test_a_file_reads_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, given: Any) -> None:
    before = SavedSettings(
        format=FORMAT,
        made_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        release="1",
        services={
            "web": SavedRevision(
                revision=1, given=given, who="ann", at=dt.datetime(2026, 1, 1, 3, 4, 5, 6, tzinfo=dt.UTC)
            )
        },
    )
    path = tmp_path_factory.mktemp("backups") / "settings.json"
    path.write_bytes(encode_file(before))
    assert read_file(path) == before
