"""Operators change settings: what is accepted is a revision, what is refused changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from marketdata.control import Effect, InvalidSettings, RevisionOutcome
from marketdata.errors import ConfigurationError, MarketDataError
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.changes import NotAllowed, ReasonRefused, StaleRevision
from mdp_site.control_plane.delivery import adopt
from mdp_site.control_plane.models import AuditEntry, Revision
from mdp_site.control_plane.outcomes import settle
from tests.support.operators import ANN, BOB, VIC

pytestmark = pytest.mark.django_db

DONE = Effect(RevisionOutcome.APPLIED, "applied by 1 of 1 processes", ("web:1",))


def change(**values: Any) -> Revision:
    return changes.change("web", values, actor=ANN)


def newest_entry() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def test_a_change_is_a_revision_with_what_operators_gave_and_nothing_else() -> None:
    first = changes.change("web", {"log_level": "ERROR"}, actor=ANN, reason="too loud")
    second = changes.change("web", {"head_bytes": "2048"}, actor=BOB, unset=["log_level"])

    assert (first.number, first.given, first.who, first.reason) == (
        1,
        {"log_level": "ERROR"},
        "ann",
        "too loud",
    )
    assert (second.number, second.given, second.who, second.user_id) == (2, {"head_bytes": 2048}, "bob", 8)
    assert (second.outcome, second.outcome_at) == ("pending", None)
    first.refresh_from_db()
    assert (first.outcome, first.outcome_text) == ("overtaken", "overtaken by revision 2")


def test_each_service_counts_for_itself() -> None:
    change(log_level="ERROR")
    assert changes.change("scanner", {"log_level": "DEBUG"}, actor=ANN).number == 1


def test_the_audit_says_who_changed_what_when_from_where_and_why() -> None:
    change(log_level="ERROR")
    changes.change("web", {"log_level": "DEBUG", "head_bytes": 2048}, actor=BOB, reason="a closer look")
    entry = newest_entry()
    assert (entry.who, entry.user_id, entry.origin) == ("bob", 8, "203.0.113.8")
    assert (entry.service, entry.action, entry.revision) == ("web", "change", 2)
    assert entry.before == {"log_level": "ERROR", "head_bytes": None}
    assert entry.after == {"log_level": "DEBUG", "head_bytes": 2048}
    assert (entry.reason, entry.result) == ("a closer look", "pending")


def test_the_later_of_two_operators_is_shown_what_changed() -> None:
    changes.change("web", {"log_level": "ERROR"}, actor=ANN, expected=0, reason="too loud")
    with pytest.raises(StaleRevision) as stale:
        changes.change("web", {"log_level": "DEBUG"}, actor=BOB, expected=0)
    assert "web is at revision 1, not 0" in str(stale.value)
    assert "1 by ann at 20" in str(stale.value)
    assert 'log_level="ERROR" (too loud)' in str(stale.value)
    assert [each.number for each in stale.value.revisions] == [1]
    assert [each.who for each in Revision.objects.all()] == ["ann"]
    assert newest_entry().result.startswith("refused: web is at revision 1, not 0")
    assert changes.change("web", {"log_level": "DEBUG"}, actor=BOB, expected=1).number == 2


def test_an_expected_revision_that_there_never_was_is_stale() -> None:
    with pytest.raises(StaleRevision, match="at revision 0, not 5"):
        changes.change("web", {"log_level": "ERROR"}, actor=ANN, expected=5)


@pytest.mark.parametrize(
    ("service", "values", "accepted"),
    [
        ("listener", {"feed": "Realtime"}, "RealTime"),
        ("listener", {"market": "crypto"}, "accepted: stocks"),
        ("listener", {"market": "options"}, "options and indices are not served"),
        ("listener", {"subscriptions": ("ZZ.*",)}, r"<channel>\.\*"),
        ("listener", {"subscriptions": ()}, "MASSIVE_SUBSCRIPTIONS is empty"),
        ("listener", {"log_level": "LOUD"}, "accepted: one of DEBUG, INFO"),
        ("processor", {"longest_publish_interval_ms": "20"}, "accepted: a whole number from 50 to 10000 ms"),
        ("processor", {"show_test_issues": True}, "set SHOW_TEST_ISSUES"),
        ("web", {"message_bytes_per_second": 10}, "message_bytes_per_second is 10"),
        ("web", {"colour": "red"}, "there is no setting 'colour'"),
        ("kitchen", {"log_level": "INFO"}, "accepted: listener, processor, scanner, web"),
    ],
)
def test_what_cannot_work_is_refused_with_what_is_accepted_and_noted(
    service: str, values: dict[str, object], accepted: str
) -> None:
    with pytest.raises(ConfigurationError, match=accepted):
        changes.change(service, values, actor=ANN)
    assert not Revision.objects.exists()
    assert newest_entry().result.startswith("refused: ")
    assert newest_entry().service == service


def test_every_wrong_value_has_an_error_of_its_own() -> None:
    with pytest.raises(InvalidSettings) as refused:
        change(log_level="LOUD", head_bytes=-1, body_bytes=2048)
    assert refused.value.errors.keys() == {"log_level", "head_bytes"}


def test_a_viewer_changes_nothing_and_the_attempt_is_noted() -> None:
    attempts: list[Callable[[], Revision]] = [
        lambda: changes.change("web", {"log_level": "ERROR"}, actor=VIC),
        lambda: changes.act("listener", "stop", actor=VIC),
        lambda: changes.restore("web", 0, actor=VIC),
    ]
    for attempt in attempts:
        with pytest.raises(NotAllowed, match="vic may not change settings; accepted: a user with the right"):
            attempt()
        assert (newest_entry().who, newest_entry().result[:8]) == ("vic", "refused:")
    assert not Revision.objects.exists()


@pytest.mark.parametrize("reason", ["x" * 10_000, "a\x00b", "a\udcffb", "a\x1b[2J"])
def test_a_reason_that_is_too_long_or_cannot_be_printed_is_refused(reason: str) -> None:
    with pytest.raises(ReasonRefused, match="accepted: "):
        changes.change("web", {"log_level": "ERROR"}, actor=ANN, reason=reason)
    assert not Revision.objects.exists()
    assert len(newest_entry().reason) <= 1_000
    assert "\x00" not in newest_entry().reason


def test_the_listener_is_stopped_started_and_restarted_by_name() -> None:
    assert changes.act("listener", "stop", actor=ANN).given == {"running": False}
    assert changes.act("listener", "start", actor=ANN).given == {"running": True}
    assert changes.act("listener", "restart", actor=ANN).given == {"running": True, "session": 1}
    assert changes.act("listener", "restart", actor=ANN).given == {"running": True, "session": 2}
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == [
        "stop",
        "start",
        "restart",
        "restart",
    ]


@pytest.mark.parametrize(
    ("service", "accepted"),
    [("listener", "start, stop, restart"), ("web", "start, stop, restart, drain, undrain")],
)
def test_an_action_that_a_service_does_not_have_is_refused(service: str, accepted: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"there is no action 'explode' for {service}; accepted: {accepted}"
    ):
        changes.act(service, "explode", actor=ANN)


def test_a_restored_revision_is_a_new_one_that_is_equal() -> None:
    change(log_level="ERROR", head_bytes=2048)
    change(log_level="DEBUG")
    restored = changes.restore("web", 1, actor=BOB, reason="as before")
    assert (restored.number, restored.given) == (3, {"log_level": "ERROR", "head_bytes": 2048})
    assert newest_entry().result == "pending, equal to revision 1"
    assert changes.restore("web", 0, actor=BOB).given == {}


def test_a_revision_that_there_is_not_cannot_be_restored() -> None:
    with pytest.raises(ConfigurationError, match="web has no revision 4; accepted: none yet"):
        changes.restore("web", 4, actor=ANN)
    change(log_level="ERROR")
    with pytest.raises(ConfigurationError, match="web has no revision 4; accepted: 1 to 1"):
        changes.restore("web", 4, actor=ANN)


def test_what_became_of_a_revision_is_stored_once_and_noted() -> None:
    change(log_level="ERROR")
    settle("web", 1, Effect(RevisionOutcome.PENDING, "not applied by web:1"))
    assert Revision.objects.get().outcome_text == "not applied by web:1"
    settle("web", 1, DONE)
    settle("web", 1, Effect(RevisionOutcome.REFUSED, "too late"))
    revision = Revision.objects.get()
    assert (revision.outcome, revision.outcome_text, revision.applied_by) == (
        "applied",
        "applied by 1 of 1 processes",
        ["web:1"],
    )
    outcomes = AuditEntry.objects.filter(action="outcome")
    assert [(each.who, each.revision, each.result) for each in outcomes] == [
        ("processes", 1, "applied: applied by 1 of 1 processes")
    ]


def test_the_last_good_revision_is_one_that_every_process_applied_and_that_differs() -> None:
    with pytest.raises(MarketDataError, match="no earlier revision"):
        history.last_good("web")
    for number, (level, effect) in enumerate(
        [("ERROR", DONE), ("DEBUG", DONE), ("INFO", Effect(RevisionOutcome.REFUSED, "no"))], start=1
    ):
        change(log_level=level)
        settle("web", number, effect)
    assert history.last_good("web").number == 2
    changes.restore("web", 2, actor=ANN)
    assert history.last_good("web").number == 1


def test_settings_of_the_cache_are_a_revision_by_cache_and_stored_once() -> None:
    change(log_level="INFO")
    adopt("web", 7, {"log_level": "ERROR"})
    adopt("web", 7, {"log_level": "DEBUG"})
    assert Revision.objects.get(number=1).outcome_text == "overtaken by revision 7"
    revision = Revision.objects.get(number=7)
    assert (revision.number, revision.who, revision.given) == (7, "cache", {"log_level": "ERROR"})
    assert AuditEntry.objects.filter(action="adopted").count() == 1
    assert change(head_bytes=2048).number == 8
