"""Operators run actions: each states its impact first, and each run, refusal and outcome is kept."""

from typing import Annotated, Any

import pytest
from django.db import transaction

from marketdata.control import Effect, InvalidSettings, RevisionOutcome
from marketdata.control.arguments import Arguments
from marketdata.control.views import Overview
from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import setting
from mdp_site.control_plane import changes
from mdp_site.control_plane.actions import registry
from mdp_site.control_plane.actions.declared import Action, ByDatabase, ByProcesses
from mdp_site.control_plane.actions.running import note_refusal, prepared, run, run_of
from mdp_site.control_plane.actors import Actor, acting
from mdp_site.control_plane.changes import NotAllowed, ReasonRefused, StaleRevision
from mdp_site.control_plane.models import ActionRun, AuditEntry
from mdp_site.control_plane.outcomes import settle
from tests.support import installation
from tests.support.operators import ANN, BOB, VIC

pytestmark = pytest.mark.django_db

APPLIED = Effect(RevisionOutcome.APPLIED, "applied by 1 of 1 processes", ("web:1",))
IN_USE = "the paint is in use; accepted: later"


class OfPaint(Arguments, frozen=True, kw_only=True):
    """Arguments of an action that does not exist."""

    colour: Annotated[str, setting("The colour.", variable=None, choices=("red", "blue"))]


def paint(arguments: OfPaint, _actor: Actor) -> str:
    """What only the test's actions do: another run is the trace of it."""
    if arguments.colour == "blue":
        ActionRun.objects.create(action="half", service="web", who="nobody")
        raise ConfigurationError(IN_USE)
    return f"painted {arguments.colour} by {acting().who}"


def action(name: str, work: Any, service: str = "web") -> Action:
    return Action(
        name=name,
        label=name,
        explanation="",
        arguments=OfPaint,
        service=lambda _arguments: service,
        impact=lambda arguments, _overview: f"Paints {arguments.colour}.",
        work=work,
    )


@pytest.fixture(autouse=True)
def actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's actions, and some that do not exist."""
    own = (
        action("paint", ByDatabase(paint)),
        action("spray", ByProcesses(before=paint)),
        action("spray jobs", ByProcesses(), "jobs"),
    )
    monkeypatch.setattr(registry, "ACTIONS", {**registry.ACTIONS, **{each.name: each for each in own}})


@pytest.fixture
def overview() -> Overview:
    return installation.overview()


def newest_entry() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def test_every_action_has_a_name_for_programs_and_words_for_people() -> None:
    for name, each in registry.ACTIONS.items():
        assert name == each.name
        assert each.label
    assert {"stop", "banner", "resync_clients", "disconnect_user", "revoke_tokens", "run_job"} <= set(
        registry.ACTIONS
    )


def test_the_impact_is_stated_before_and_nothing_is_changed_by_that(overview: Overview) -> None:
    wish = prepared("stop", {"service": "web"}, overview)
    assert wish.impact.startswith("Pauses 1 process. ")
    assert prepared("spray", {"colour": "blue"}, overview).expected == (
        installation.healthy_processes()["web"].identity,
    )
    assert not ActionRun.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "values", "accepted"),
    [
        ("fly", {}, "there is no action 'fly'; accepted: stop, start"),
        ("stop", {"service": "moon"}, "web"),
        ("stop", {}, "service is missing"),
        ("drain", {"service": "scanner", "process": "vm:9"}, "accepted: vm:3:"),
        ("resync_clients", {"feed": "moon"}, "feed is 'moon': no such feed; there are scanners:top_gainers"),
        ("disconnect_user", {"user": "nobody"}, "the name or the id of a user"),
        ("run_job", {"job": "dig"}, "refresh_reference_data"),
        ("spray jobs", {"colour": "red"}, "no process of jobs runs that could do it"),
    ],
)
def test_what_cannot_be_done_is_refused_before_with_what_is_accepted(
    overview: Overview, name: str, values: dict[str, object], accepted: str
) -> None:
    with pytest.raises(ConfigurationError, match=accepted):
        prepared(name, values, overview)


def test_every_wrong_argument_is_named(overview: Overview) -> None:
    with pytest.raises(InvalidSettings) as refused:
        prepared("stop", {"service": "moon", "colour": "red"}, overview)
    assert refused.value.errors.keys() == {"service", "colour"}


def test_an_action_on_settings_has_the_outcome_of_its_revision(overview: Overview) -> None:
    done = run(prepared("banner", {"text": "late"}, overview), actor=ANN, reason="told")
    assert (done.outcome, done.revision, done.who, done.reason) == ("pending", 1, "ann", "told")
    assert "3 connections" in done.impact
    assert done.impact.endswith("late")
    settle("web", 1, APPLIED)
    done.refresh_from_db()
    assert (done.outcome, done.outcome_text, done.done_by) == (
        "applied",
        "applied by 1 of 1 processes",
        ["web:1"],
    )


def test_the_outcome_is_there_also_if_the_revision_was_decided_before_the_run_was_stored(
    overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = changes.change

    def changed_and_decided(*arguments: Any, **options: Any) -> Any:
        revision = change(*arguments, **options)
        settle("web", revision.number, APPLIED)
        return revision

    monkeypatch.setattr(changes, "change", changed_and_decided)
    done = run(prepared("banner", {"text": "late"}, overview), actor=ANN)
    assert (done.outcome, done.done_by) == ("applied", ["web:1"])


def test_two_operators_at_once_are_both_told_what_became_of_theirs(overview: Overview) -> None:
    wish = prepared("banner", {"text": "late"}, overview)
    first, second = run(wish, actor=ANN), run(wish, actor=BOB)
    settle("web", 2, APPLIED)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.outcome, first.outcome_text) == ("overtaken", "overtaken by revision 2")
    assert second.outcome == "applied"


def test_the_later_of_two_is_refused_and_told_what_changed_if_it_says_what_it_saw(overview: Overview) -> None:
    run(prepared("banner", {"text": "late"}, overview), actor=ANN, expected_revision=0)
    with pytest.raises(StaleRevision, match="1 by ann"):
        run(prepared("banner", {"text": "early"}, overview), actor=BOB, expected_revision=0)
    assert [each.who for each in ActionRun.objects.all()] == ["ann"]
    assert (newest_entry().who, newest_entry().result[:9]) == ("bob", "refused: ")


def test_processes_are_instructed_once_the_run_is_stored(overview: Overview) -> None:
    done = run(prepared("spray", {"colour": "red"}, overview), actor=ANN, reason="why not")
    assert (done.outcome, done.sent_at, done.service) == ("pending", None, "web")
    assert done.expected == [installation.healthy_processes()["web"].identity]
    entry = newest_entry()
    assert (entry.action, entry.after, entry.reason, entry.result) == (
        "spray",
        {"colour": "red"},
        "why not",
        "pending",
    )
    assert run_of(str(done.pk)) == done


def test_what_the_database_does_is_applied_at_once_in_the_name_of_the_actor(overview: Overview) -> None:
    done = run(prepared("paint", {"colour": "red"}, overview), actor=ANN)
    assert (done.outcome, done.outcome_text) == ("applied", "painted red by ann")
    assert newest_entry().result == "applied: painted red by ann"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["paint", "spray"])
@pytest.mark.parametrize(
    ("colour", "actor", "reason"),
    [
        ("blue", ANN, ""),
        ("red", VIC, ""),
        ("red", ANN, "x" * 1_001),
        ("red", ANN, "\x1b[2J"),
    ],
    ids=["the action", "rights", "a long reason", "a hostile reason"],
)
def test_a_refusal_changes_nothing_and_is_kept_in_the_audit(
    overview: Overview, name: str, colour: str, actor: Actor, reason: str
) -> None:
    error = {"blue": ConfigurationError}.get(colour, ReasonRefused if reason else NotAllowed)
    with pytest.raises(error):
        run(prepared(name, {"colour": colour}, overview), actor=actor, reason=reason)
    assert not ActionRun.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.after) == (actor.who, name, {"colour": colour})
    assert entry.result.startswith("refused: ")
    assert not transaction.get_connection().in_atomic_block


def test_a_viewer_cannot_run_an_action_on_settings_either(overview: Overview) -> None:
    with pytest.raises(NotAllowed):
        run(prepared("stop", {"service": "web"}, overview), actor=VIC)
    assert not ActionRun.objects.exists()
    assert newest_entry().result.startswith("refused: vic may not")


def test_what_was_refused_before_it_could_be_run_is_kept_too() -> None:
    note_refusal("fly\x00", ConfigurationError("there is no action"), actor=VIC, reason="up")
    entry = newest_entry()
    assert (entry.who, entry.action, entry.reason) == ("vic", "fly\N{REPLACEMENT CHARACTER}", "up")
    assert entry.result == "refused: there is no action"


@pytest.mark.parametrize("number", ["", "x", "0" * 32, "\x00", "9" * 100])
def test_a_run_that_there_is_not_is_named(number: str) -> None:
    with pytest.raises(ConfigurationError, match="accepted: the id of a run"):
        run_of(number)
