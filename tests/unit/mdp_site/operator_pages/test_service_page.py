"""The page of a service: what it shows, what it changes, and what it refuses."""

from typing import Any

import pytest

from marketdata.errors import StoreUnavailable
from marketdata.runtime.settings import declarations
from mdp_site.accounts.roles import ADMINISTRATORS, OPERATORS, VIEWERS, Role
from mdp_site.control_plane import changes
from mdp_site.control_plane.models import AuditEntry, Revision
from mdp_site.control_plane.services import STEERED
from mdp_site.operator_pages import processes
from tests.support.operator_site import OperatorBrowser, filled
from tests.support.operators import ANN, BOB, member_of

pytestmark = pytest.mark.django_db

WEB = "services/web/"


@pytest.fixture
def operator() -> OperatorBrowser:
    return OperatorBrowser(member_of(OPERATORS))


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


@pytest.mark.parametrize("name", STEERED)
def test_each_service_has_a_page_with_every_declared_setting(operator: OperatorBrowser, name: str) -> None:
    answer = operator.get(f"services/{name}/")
    assert answer.status_code == 200
    page = text_of(answer)
    for setting in declarations(STEERED[name].kind):
        assert f"<code>{setting}</code>" in page


@pytest.mark.parametrize("name", STEERED)
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(operator: OperatorBrowser, name: str) -> None:
    answer = operator.send_form(f"services/{name}/")
    assert answer.status_code == 400
    assert "nothing is changed" in text_of(answer)
    assert Revision.objects.count() == 0


def test_a_change_is_saved_with_its_reason_and_delivered_at_once(operator: OperatorBrowser) -> None:
    answer = operator.send_form(WEB, log_level="ERROR", _reason="too loud")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/operations/{WEB}")
    revision = Revision.objects.get()
    assert (revision.given, revision.who, revision.reason) == ({"log_level": "ERROR"}, "eve", "too loud")
    assert operator.due.count == 1
    page = text_of(operator.get(WEB))
    assert 'data-outcome="pending"' in page
    assert 'data-again-ms="1000"' in page


def test_lists_numbers_and_texts_are_saved_as_their_kinds(operator: OperatorBrowser) -> None:
    operator.send_form("services/processor/", analyzers_off=["", "quotes", "halts"], trace_sampling="0.5")
    assert Revision.objects.get().given == {"analyzers_off": ["quotes", "halts"], "trace_sampling": 0.5}
    operator.send_form("services/processor/", analyzers_off="")
    assert Revision.objects.get(number=2).given == {"analyzers_off": [], "trace_sampling": 0.5}


def test_a_setting_goes_back_to_the_environment(operator: OperatorBrowser) -> None:
    changes.change("web", {"log_level": "ERROR", "head_bytes": 2048}, actor=ANN)
    assert "Back to the environment: INFO" in text_of(operator.get(WEB))
    operator.send_form(WEB, _environment="log_level")
    assert Revision.objects.get(number=2).given == {"head_bytes": 2048}


def test_a_new_value_and_the_environment_at_once_are_refused(operator: OperatorBrowser) -> None:
    changes.change("web", {"log_level": "ERROR"}, actor=ANN)
    answer = operator.send_form(WEB, log_level="DEBUG", _environment="log_level")
    assert answer.status_code == 400
    assert "accepted: one of the two" in text_of(answer)
    assert Revision.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("head_bytes", "7", "accepted: a whole number from 1024 to 1048576 bytes"),
        ("head_bytes", "many", "accepted: a whole number from 1024 to 1048576 bytes"),
        ("head_bytes", "", "accepted: a whole number from 1024 to 1048576 bytes"),
        ("log_level", "LOUD", "accepted: one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("banner", "a\x07b", "accepted: one line of text"),
    ],
)
def test_a_value_that_is_not_accepted_is_refused_at_its_field(
    operator: OperatorBrowser, name: str, value: str, accepted: str
) -> None:
    answer = operator.send_form(WEB, **{name: value, "body_bytes": "4096"})
    page = text_of(answer)
    assert answer.status_code == 400
    assert f'id="id_{name}_error"' in page
    assert accepted in page
    assert filled(page)["body_bytes"] == "4096"
    assert Revision.objects.count() == 0


def test_settings_that_do_not_go_together_are_refused_above_the_form(operator: OperatorBrowser) -> None:
    answer = operator.send_form("services/listener/", market="moon")
    assert answer.status_code == 400
    assert "errorlist nonfield" in text_of(answer)
    assert Revision.objects.count() == 0


@pytest.mark.parametrize(
    "forged",
    [{"secret_key": "x"}, {"version": "9"}, {"_revision": "x"}, {"_revision": ""}, {"_environment": "x"}],
)
def test_a_forged_form_is_refused(operator: OperatorBrowser, forged: dict[str, str]) -> None:
    answer = operator.send_form(WEB, log_level="ERROR", **forged)
    assert answer.status_code == 400
    assert Revision.objects.count() == 0


def test_a_restart_setting_is_shown_and_not_changed(operator: OperatorBrowser) -> None:
    page = text_of(operator.get("services/processor/"))
    assert "set SHOW_TEST_ISSUES for that" in page
    assert 'name="show_test_issues"' not in page
    answer = operator.send_form("services/processor/", show_test_issues="on")
    assert "changes with a restart only" in text_of(answer)
    assert Revision.objects.count() == 0


def test_a_form_without_a_list_leaves_it_as_it_is(operator: OperatorBrowser) -> None:
    changes.change("processor", {"analyzers_off": ["halts"]}, actor=ANN)
    values = filled(text_of(operator.get("services/processor/")))
    del values["analyzers_off"]
    operator.post("services/processor/", values | {"log_level": "ERROR"})
    assert Revision.objects.get(number=2).given == {"analyzers_off": ["halts"], "log_level": "ERROR"}


def test_the_later_of_two_operators_sees_what_changed_and_keeps_what_was_typed(
    operator: OperatorBrowser,
) -> None:
    values = filled(text_of(operator.get(WEB)))
    changes.change("web", {"head_bytes": 2048}, actor=BOB, reason="big <b>heads</b>")
    answer = operator.post(WEB, values | {"log_level": "ERROR", "_reason": "too loud"})
    page = text_of(answer)
    assert answer.status_code == 409
    assert "bob" in page
    assert "big &lt;b&gt;heads&lt;/b&gt;" in page
    again = filled(page)
    assert (again["log_level"], again["_reason"], again["_revision"]) == ("ERROR", "too loud", "1")
    assert again["head_bytes"] == "2048"  # the change of the other operator stays
    assert operator.post(WEB, again).status_code == 302
    assert Revision.objects.get(number=2).given == {"head_bytes": 2048, "log_level": "ERROR"}
    assert AuditEntry.objects.filter(result__startswith="refused: web is at revision 1").exists()


def test_a_reason_that_is_too_long_is_refused_at_its_field(operator: OperatorBrowser) -> None:
    answer = operator.send_form(WEB, log_level="ERROR", _reason="x" * 1001)
    assert answer.status_code == 400
    assert "the reason has 1001 characters" in text_of(answer)
    assert filled(text_of(answer))["log_level"] == "ERROR"


@pytest.mark.parametrize(
    ("role", "staff", "looks", "acts"),
    [
        (VIEWERS, True, 200, 403),
        (None, True, 200, 403),
        (None, False, 403, 403),
        (OPERATORS, True, 200, 302),
        (ADMINISTRATORS, True, 200, 302),
    ],
)
def test_each_role_sees_and_does_what_it_may(role: Role | None, staff: bool, looks: int, acts: int) -> None:
    user = member_of(role)
    user.is_staff = staff
    user.save()
    browser = OperatorBrowser(user)
    for path in (WEB, f"{WEB}state/", f"{WEB}revisions/"):
        assert browser.get(path).status_code == looks
    assert browser.post(WEB, {"_revision": "0", "log_level": "ERROR"}).status_code == acts
    assert Revision.objects.count() == (acts == 302)
    if looks == 200:
        assert ('type="submit" class="default"' in text_of(browser.get(WEB))) == (acts == 302)


def test_the_refusal_of_a_viewer_is_in_the_audit() -> None:
    OperatorBrowser(member_of(VIEWERS)).post(WEB, {"_revision": "0", "log_level": "ERROR"})
    entry = AuditEntry.objects.get(service="web")
    assert (entry.who, entry.action) == ("eve", "change")
    assert entry.result.startswith("refused: eve may not")


def test_a_visitor_is_sent_to_the_login() -> None:
    browser = OperatorBrowser(None)
    assert browser.get(WEB).status_code == 302
    assert browser.post(WEB, {"_revision": "0", "log_level": "ERROR"}).status_code == 302
    assert Revision.objects.count() == 0


def test_a_form_of_another_site_is_refused() -> None:
    browser = OperatorBrowser(member_of(OPERATORS), enforce_csrf_checks=True)
    assert browser.post(WEB, {"_revision": "0", "log_level": "ERROR"}).status_code == 403
    assert Revision.objects.count() == 0


def test_looking_changes_nothing(operator: OperatorBrowser) -> None:
    operator.get(WEB, {"_revision": "0", "log_level": "ERROR"})
    operator.get(f"{WEB}restore/0/")
    assert (Revision.objects.count(), operator.due.count) == (0, 0)


def test_the_processes_are_shown_with_the_values_that_differ(operator: OperatorBrowser) -> None:
    page = text_of(operator.get(f"{WEB}state/"))
    assert "<b>log_level</b>: DEBUG (wanted INFO)" in page
    assert "<html" not in page


def test_a_cache_that_is_away_is_named_and_settings_can_still_be_saved(
    operator: OperatorBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_service: str) -> None:
        raise StoreUnavailable("connection refused")

    monkeypatch.setattr(processes, "reports_of", away)
    assert "is unknown: connection refused" in text_of(operator.get(WEB))
    assert operator.send_form(WEB, log_level="ERROR").status_code == 302


def test_a_revision_that_this_release_does_not_accept_is_named(operator: OperatorBrowser) -> None:
    Revision.objects.create(service="web", number=1, given={"head_bytes": "many"}, who="cache")
    answer = operator.get(WEB)
    assert answer.status_code == 200
    assert "This release does not accept the newest revision" in text_of(answer)


def test_an_unknown_service_has_no_page(operator: OperatorBrowser) -> None:
    for path in ("services/moon/", "services/moon/state/", "services/moon/revisions/"):
        assert operator.get(path).status_code == 404
