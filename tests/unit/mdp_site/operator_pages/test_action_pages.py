"""Actions on the pages: arguments, impact, the button, and what became of a run."""

import uuid
from typing import Annotated, Any

import pytest

from marketdata.control import Effect, RevisionOutcome
from marketdata.control.arguments import Arguments
from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import setting
from mdp_site.accounts.roles import ADMINISTRATORS, OPERATORS, VIEWERS, Role
from mdp_site.control_plane import changes
from mdp_site.control_plane.actions import registry
from mdp_site.control_plane.actions.declared import Action, ByDatabase, ByProcesses
from mdp_site.control_plane.models import ActionRun, AuditEntry, Revision
from mdp_site.control_plane.outcomes import settle, settle_run
from mdp_site.operator_pages import action_links, action_page, run_page
from tests.support import installation
from tests.support.operator_site import OperatorBrowser, filled
from tests.support.operators import BOB, member_of

pytestmark = pytest.mark.django_db

STOP = "actions/stop/"
LISTENER = {"service": "listener"}


class Pieces(Arguments, frozen=True, kw_only=True):
    """Arguments of each kind."""

    kinds: Annotated[tuple[str, ...], setting("Some words.", variable=None)]
    count: Annotated[int, setting("How many.", variable=None, minimum=1, maximum=5)] = 2
    really: Annotated[bool, setting("Whether.", variable=None)] = False


def _nothing_there(_arguments: Any, _overview: Any) -> str:
    raise ConfigurationError("there is no piece; accepted: <later>")


SORT = Action(
    name="sort",
    label="Sort <pieces>",
    explanation="Sorts pieces.",
    arguments=Pieces,
    service=lambda _: "web",
    impact=lambda arguments, _: f"sorts {arguments.count} of {','.join(arguments.kinds)}, {arguments.really}",
    work=ByDatabase(lambda arguments, actor: f"{actor.who} sorted {arguments.count}"),
)
SWEEP = Action(
    name="sweep",
    label="Sweep",
    explanation="Sweeps.",
    arguments=Arguments,
    service=lambda _: "web",
    impact=lambda _arguments, _overview: "sweeps all",
    work=ByProcesses(),
)
BREAK = Action(
    name="break",
    label="Break",
    explanation="Breaks.",
    arguments=Arguments,
    service=lambda _: "web",
    impact=_nothing_there,
    work=ByProcesses(),
)


@pytest.fixture(autouse=True)
def more_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Actions that others declare."""
    actions = {**registry.ACTIONS, "sort": SORT, "sweep": SWEEP, "break": BREAK}
    for module in (registry, action_links, action_page, run_page):
        monkeypatch.setattr(module, "ACTIONS", actions)


@pytest.fixture
def operator() -> OperatorBrowser:
    return OperatorBrowser(member_of(OPERATORS))


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


def test_looking_shows_the_impact_and_changes_nothing(operator: OperatorBrowser) -> None:
    before = AuditEntry.objects.count()
    page = text_of(operator.get(STOP, LISTENER))
    assert "Pauses 1 process. No new market data arrives; 3 connections keep what they have." in page
    assert 'type="submit" class="default" value="Stop listener"' in page
    assert (ActionRun.objects.count(), Revision.objects.count()) == (0, 0)
    assert (AuditEntry.objects.count(), operator.due.count) == (before, 0)


def test_an_action_without_its_arguments_asks_for_them(operator: OperatorBrowser) -> None:
    answer = operator.get(STOP)
    assert answer.status_code == 200
    assert '<option value="scanner">scanner</option>' in text_of(answer)
    assert 'method="post" action="/admin/operations/' not in text_of(answer)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"service": "moon"}, "accepted: one of listener"),
        ({"service": ""}, "accepted: one of listener"),
        ({"service": "web", "moon": "1"}, "there is no setting &#x27;moon&#x27;"),
        ({"moon": "<b>"}, "service is missing"),
    ],
)
def test_arguments_that_are_not_accepted_are_refused(
    operator: OperatorBrowser, query: dict[str, str], message: str
) -> None:
    answer = operator.get(STOP, query)
    assert answer.status_code == 400
    assert message in text_of(answer)
    assert "<b>" not in text_of(answer).replace("<b>WDS", "")


def test_a_run_is_pending_then_applied(operator: OperatorBrowser) -> None:
    answer = operator.send_form(STOP, query=LISTENER, _reason="a <b>quiet</b> hour")
    run = ActionRun.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/operations/runs/{run.pk}/")
    assert (run.who, run.reason, run.revision) == ("eve", "a <b>quiet</b> hour", 1)
    assert operator.due.count == 1
    page = text_of(operator.get(f"runs/{run.pk}/"))
    assert 'data-outcome="pending"' in page
    assert "a &lt;b&gt;quiet&lt;/b&gt; hour" in page
    settle("listener", 1, Effect(RevisionOutcome.APPLIED, "stopped", ("vm:1",)))
    state = text_of(operator.get(f"runs/{run.pk}/state/"))
    assert 'data-outcome="applied"' in state
    assert 'data-again-ms="0"' in state
    assert "vm:1" in state
    assert "<html" not in state


def test_what_is_stopped_is_offered_to_be_started(operator: OperatorBrowser) -> None:
    operator.send_form(STOP, query=LISTENER)
    page = text_of(operator.get("steering/"))
    assert "actions/start/?service=listener" in page
    assert "actions/stop/?service=listener" not in page
    assert "actions/stop/?service=web" in page
    assert ActionRun.objects.get().get_outcome_display() in page


def test_an_action_of_processes_names_who_carries_it_out_and_waits_for(operator: OperatorBrowser) -> None:
    web = installation.healthy_processes()["web"].identity
    assert f"It is carried out by {web}." in text_of(operator.get("actions/sweep/"))
    operator.send_form("actions/sweep/")
    run = ActionRun.objects.get()
    assert "Waits for" in text_of(operator.get(f"runs/{run.pk}/"))
    settle_run(run, Effect(RevisionOutcome.REFUSED, "web: the <broom> is away"))
    state = text_of(operator.get(f"runs/{run.pk}/state/"))
    assert "the &lt;broom&gt; is away" in state
    assert "Waits for" not in state


def test_an_action_of_the_database_is_applied_at_once(operator: OperatorBrowser) -> None:
    query = {"kinds": "a,b", "count": "3", "really": "on"}
    page = text_of(operator.get("actions/sort/", query))
    assert "sorts 3 of a,b, True" in page
    assert filled(page) | {"csrfmiddlewaretoken": ""} == {
        "csrfmiddlewaretoken": "",
        "kinds": "a,b",
        "count": "3",
        "really": "on",
        "_reason": "",
    }
    operator.send_form("actions/sort/", query=query)
    run = ActionRun.objects.get()
    assert (run.outcome, run.outcome_text) == ("applied", "eve sorted 3")
    assert run.arguments == {"kinds": ["a", "b"], "count": 3, "really": True}


def test_an_action_with_nothing_to_do_it_to_says_so(operator: OperatorBrowser) -> None:
    answer = operator.get("actions/break/")
    assert answer.status_code == 400
    assert "accepted: &lt;later&gt;" in text_of(answer)
    assert operator.post("actions/break/", {}).status_code == 400
    assert AuditEntry.objects.get(action="break").result.startswith("refused: there is no piece")
    assert ActionRun.objects.count() == 0


def test_actions_of_others_appear_on_the_operations_page(operator: OperatorBrowser) -> None:
    page = text_of(operator.get())
    assert 'href="/admin/operations/actions/sort/"' in page
    assert "Sort &lt;pieces&gt;…" in page


def test_a_process_is_offered_what_can_be_done_to_it(operator: OperatorBrowser) -> None:
    identity = installation.healthy_processes()["scanner"].identity
    page = text_of(operator.get("services/scanner/"))
    quoted = identity.replace(":", "%3A")
    assert f"actions/drain/?service=scanner&amp;process={quoted}" in page
    assert f"actions/restart/?service=scanner&amp;process={quoted}" in page
    assert "actions/undrain/" not in page
    changes.act("scanner", "drain", process=identity, actor=BOB)
    page = text_of(operator.get("services/scanner/"))
    assert "actions/undrain/" in page
    assert "actions/drain/" not in page


def test_the_later_of_two_operators_sees_what_changed_before_it_runs(operator: OperatorBrowser) -> None:
    values = filled(text_of(operator.get(STOP, LISTENER)))
    changes.act("listener", "restart", actor=BOB, reason="no data")
    answer = operator.post(STOP, values | {"_reason": "quiet"})
    page = text_of(answer)
    assert answer.status_code == 409
    assert "no data" in page
    again = filled(page)
    assert (again["_revision"], again["_reason"], again["service"]) == ("1", "quiet", "listener")
    assert ActionRun.objects.count() == 0
    assert operator.post(STOP, again).status_code == 302


def test_a_reason_that_is_too_long_is_refused_and_kept(operator: OperatorBrowser) -> None:
    answer = operator.send_form(STOP, query=LISTENER, _reason="x" * 1001)
    assert answer.status_code == 400
    assert filled(text_of(answer))["_reason"] == "x" * 1001
    assert ActionRun.objects.count() == 0


@pytest.mark.parametrize("forged", [{"_revision": "x"}, {"service": "moon"}, {"moon": "1"}])
def test_a_forged_form_is_refused_and_in_the_audit(operator: OperatorBrowser, forged: dict[str, str]) -> None:
    answer = operator.send_form(STOP, query=LISTENER, **forged)
    assert answer.status_code == 400
    assert ActionRun.objects.count() == 0
    assert AuditEntry.objects.filter(action="stop", result__startswith="refused: ").count() == 1


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
    for path, query in (("", None), ("steering/", None), (STOP, LISTENER)):
        assert browser.get(path, query).status_code == looks
    assert browser.post(STOP, {**LISTENER, "_revision": "0"}).status_code == acts
    assert ActionRun.objects.count() == (acts == 302)
    if looks == 200 and acts == 403:
        for path, query in (("", None), ("steering/", None), ("services/web/", None)):
            assert "/admin/operations/actions/" not in text_of(browser.get(path, query))
        assert 'type="submit" class="default"' not in text_of(browser.get(STOP, LISTENER))
        assert AuditEntry.objects.filter(action="stop", result__startswith="refused: eve may not").exists()


def test_a_visitor_is_sent_to_the_login() -> None:
    browser = OperatorBrowser(None)
    assert browser.get(STOP, LISTENER).status_code == 302
    assert browser.post(STOP, {**LISTENER, "_revision": "0"}).status_code == 302
    assert ActionRun.objects.count() == 0


def test_a_form_of_another_site_is_refused() -> None:
    browser = OperatorBrowser(member_of(OPERATORS), enforce_csrf_checks=True)
    assert browser.post(STOP, {**LISTENER, "_revision": "0"}).status_code == 403
    assert ActionRun.objects.count() == 0


def test_what_is_not_there_has_no_page(operator: OperatorBrowser) -> None:
    for path in ("actions/moon/", "runs/moon/", f"runs/{uuid.uuid4()}/", "runs/moon/state/"):
        assert operator.get(path).status_code == 404


def test_a_run_of_another_release_is_shown(operator: OperatorBrowser) -> None:
    run = ActionRun.objects.create(action="gone", service="moon", arguments={"a": [1]}, who="ann")
    page = text_of(operator.get(f"runs/{run.pk}/"))
    assert "gone" in page
    assert "services/moon" not in page
    assert "gone moon" in text_of(operator.get("steering/"))


def test_the_page_of_a_run_claims_no_other_impact_than_that_of_its_confirmation(
    operator: OperatorBrowser,
) -> None:
    run = ActionRun.objects.create(
        action="purge_queue",
        service="processor",
        arguments={"queue": ""},
        who="ann",
        impact="Purges 6 batches.",
    )
    page = text_of(operator.get(f"runs/{run.pk}/"))
    assert "<dt>Impact, when it was confirmed</dt><dd>Purges 6 batches.</dd>" in page
    assert "<dt>queue</dt><dd>\N{EN DASH}</dd>" in page
