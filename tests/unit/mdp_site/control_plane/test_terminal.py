"""What `manage.py control` answers, with the cache away: then nothing is sent, and nothing is lost."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from marketdata.errors import ConfigurationError
from mdp_site.control_plane import changes
from mdp_site.control_plane.models import ActionRun, AuditEntry, Revision
from mdp_site.control_plane.outcomes import settle
from mdp_site.management.words import parse_changes, read_instant
from tests.support.operators import ANN, BOB
from tests.unit.mdp_site.control_plane.test_changes import DONE

NO_CACHE = "unix:///nowhere?db=0"


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    """No cache, and the logs as they were."""
    settings.MDC_URL = NO_CACHE
    yield
    logging.disable(logging.NOTSET)


def control(*words: str) -> str:
    """The output of the command."""
    output = io.StringIO()
    call_command("control", *words, stdout=output)
    return output.getvalue()


def failure(*words: str) -> tuple[int, str, Any]:
    """The exit code of the command, its last word, and its output as JSON."""
    output = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("control", *words, "--json", stdout=output)
    return failed.value.returncode, str(failed.value), json.loads(output.getvalue())


def two_revisions() -> None:
    changes.change("web", {"log_level": "ERROR"}, actor=ANN, reason="too loud")
    settle("web", 1, DONE)
    changes.change("web", {"head_bytes": 2048}, unset=["log_level"], actor=BOB)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "accepted"),
    [
        (["log_level=LOUD"], "accepted: one of DEBUG, INFO"),
        (["colour=red"], "there is no setting 'colour'"),
        (["explode"], "there is no action 'explode' for web"),
        (["log_level=INFO", "log_level=DEBUG"], "accepted: setting=value, each once"),
        (["connections_per_user=4", "message_bytes_per_second=10"], "message_bytes_per_second is 10"),
        (["log_level=INFO", "--expect", "1"], "at revision 2, not 1. Look again: 2 by bob at 20"),
        (
            ["log_level=INFO", "--expect", "999"],
            "at revision 2, not 999. Look again: there is no revision 999",
        ),
        (["log_level=INFO", "--reason", "x" * 10_000], "has 10000 characters; accepted: at most 1000"),
        (["--restore", "999"], "has no revision 999; accepted: 1 to 2"),
        (["--diff", "0", "999"], "has no revision 999"),
        (["--as-of", "yesterday"], "accepted: a time such as"),
        (["log_level=INFO", "--history"], "accepted: options alone"),
        (["log_level=INFO", "--restore", "1"], "accepted: options alone"),
        (["log_level=INFO", "--wait", "-1"], "accepted: seconds from 0"),
    ],
)
def test_what_is_not_accepted_is_refused_with_exit_code_1_and_saves_nothing(
    words: list[str], accepted: str
) -> None:
    two_revisions()
    code, text, answer = failure("web", *words)
    assert code == 1
    assert accepted in text
    assert answer["error"] == text
    assert Revision.objects.count() == 2


@pytest.mark.django_db
def test_each_wrong_value_has_its_error_as_json() -> None:
    _, _, answer = failure("web", "log_level=LOUD", "head_bytes=1")
    assert answer["errors"].keys() == {"log_level", "head_bytes"}


def test_an_unknown_service_is_refused_with_the_services() -> None:
    with pytest.raises(CommandError, match="listener"):
        control("kitchen")


@pytest.mark.django_db
def test_a_change_while_the_cache_is_away_is_saved_and_pending_with_exit_code_4() -> None:
    code, text, answer = failure("web", "--reason", "too loud", "log_level=ERROR")
    assert code == 4
    assert "web revision 1 is pending: saved; a web process sends it when the cache is back" in text
    assert (answer["revision"], answer["outcome"], answer["reason"]) == (1, "pending", "too loud")
    assert answer["who"].startswith("terminal: ")
    assert Revision.objects.get().given == {"log_level": "ERROR"}


@pytest.mark.django_db
def test_the_wanted_settings_are_shown_with_bounds_origin_and_who_gave_them() -> None:
    two_revisions()
    shown = control("web")
    assert "head_bytes = 2048  (a whole number from 1024 to 1048576 bytes; live; operator)" in shown
    assert "log_level = INFO  (one of DEBUG, INFO, WARNING, ERROR, CRITICAL; live; environment)" in shown
    assert "revision 2 by bob at 20" in shown
    assert "the cache is away: what the processes do is unknown" in shown
    values = json.loads(control("web", "--json"))
    assert values["processes"] is None
    assert values["newest"]["revision"] == 2
    (head,) = (each for each in values["settings"] if each["name"] == "head_bytes")
    assert (head["value"], head["given"]) == ("2048", True)


@pytest.mark.django_db
def test_history_difference_and_the_settings_as_of_a_time_are_shown() -> None:
    assert "no revisions" in control("web", "--history")
    two_revisions()
    Revision.objects.filter(number=1).update(at=timezone.now() - timedelta(hours=2))
    history = control("web", "--history")
    assert 'log_level="ERROR" (too loud)' in history
    assert "applied by 1 of 1 processes" in history
    assert [each["revision"] for each in json.loads(control("web", "--history", "--json"))] == [2, 1]
    assert control("web", "--diff", "1", "2").splitlines() == [
        "head_bytes: (environment) -> 2048",
        'log_level: "ERROR" -> (environment)',
    ]
    assert control("web", "--diff", "2", "2") == "no difference\n"
    assert json.loads(control("web", "--diff", "0", "1", "--json")) == {
        "log_level": {"before": None, "after": "ERROR"}
    }
    an_hour_ago = (timezone.now() - timedelta(hours=1)).isoformat()
    assert 'log_level = "ERROR"' in control("web", "--as-of", an_hour_ago)
    assert "environment alone" in control("web", "--as-of", "2001-01-01")
    assert json.loads(control("web", "--as-of", "2001-01-01", "--json")) == {"revision": None}


@pytest.mark.django_db
def test_a_revision_and_the_last_good_one_are_restored() -> None:
    two_revisions()
    _, _, restored = failure("web", "--restore-last-good")
    assert (restored["revision"], restored["given"]) == (3, {"log_level": "ERROR"})
    _, _, emptied = failure("web", "--restore", "0")
    assert (emptied["revision"], emptied["given"]) == (4, {})


@pytest.mark.django_db
def test_the_listener_is_stopped_by_a_word() -> None:
    code, text, stopped = failure("listener", "stop", "--reason", "a test")
    assert code == 4
    assert "stop of listener is pending: saved; a web process goes on with it" in text
    assert (stopped["action"], stopped["arguments"]) == ("stop", {"service": "listener"})
    assert (stopped["revision"], stopped["reason"]) == (1, "a test")
    assert Revision.objects.get().given == {"running": False}
    assert failure("do", "start", "service=listener")[2]["revision"] == 2
    assert Revision.objects.get(number=2).given == {"running": True}
    assert "start service=listener" in control("do", "--history")


@pytest.mark.django_db
def test_the_impact_of_an_action_is_shown_before_and_changes_nothing() -> None:
    shown = control("listener", "stop", "--impact")
    assert shown == (
        "Pauses an unknown number of processes. No new market data arrives; an unknown number of connections "
        "keep what they have.\n"
    )
    assert not Revision.objects.exists()
    assert not ActionRun.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "accepted"),
    [
        (["do", "explode"], "there is no action 'explode'; accepted: stop, start"),
        (["do", "service=web"], "'service=web' is no action; accepted: stop"),
        (["do", "stop"], "service is missing; accepted: one of"),
        (["do", "stop", "service=kitchen"], "service is 'kitchen'; accepted: one of"),
        (["do", "drain", "service=processor", "process=x"], "the cache cannot be read"),
        (["processor", "drain"], "process is missing"),
        (["web", "log_level=INFO", "--impact"], "accepted: with an action"),
    ],
)
def test_an_action_that_cannot_be_run_is_refused_with_what_is_accepted(
    words: list[str], accepted: str
) -> None:
    code, text, _ = failure(*words)
    assert code == 1
    assert accepted in text
    assert not ActionRun.objects.exists()


def test_all_actions_are_shown_with_their_arguments() -> None:
    shown = control("do")
    assert "drain: Pause one process of a service" in shown
    assert "    process=…  (one line of text, of at most 200 characters) The identity" in shown


@pytest.mark.parametrize("words", [["loud"], ["=ERROR"], ["a=1", "a=2"]])
def test_words_that_set_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="accepted: setting=value, each once"):
        parse_changes(words)


def test_an_instant_without_an_offset_is_utc() -> None:
    assert read_instant("2026-11-28T14:30:00") == datetime(2026, 11, 28, 14, 30, tzinfo=UTC)
    assert read_instant("2026-11-28T09:30:00-05:00") == datetime(2026, 11, 28, 14, 30, tzinfo=UTC)
