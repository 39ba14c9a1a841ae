"""Revisions on the pages: their list, differences, the settings of a time, and the way back."""

import datetime as dt
from typing import Any

import pytest

from marketdata.control import RevisionOutcome
from mdp_site.accounts.roles import OPERATORS, VIEWERS
from mdp_site.control_plane import changes
from mdp_site.control_plane.models import Revision
from mdp_site.operator_pages.revisions_page import PER_PAGE
from tests.support.operator_site import OperatorBrowser, filled
from tests.support.operators import ANN, BOB, member_of

pytestmark = pytest.mark.django_db

REVISIONS = "services/web/revisions/"
RESTORE = "services/web/restore/"


@pytest.fixture
def operator() -> OperatorBrowser:
    return OperatorBrowser(member_of(OPERATORS))


@pytest.fixture
def three() -> None:
    """Revision 1 was applied, 2 was refused, 3 is pending."""
    changes.change("web", {"log_level": "ERROR"}, actor=ANN, reason="<i>loud</i>")
    Revision.objects.update(
        outcome=RevisionOutcome.APPLIED.value, at=dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
    )
    changes.change("web", {"head_bytes": 2048}, actor=BOB)
    Revision.objects.filter(number=2).update(outcome=RevisionOutcome.REFUSED.value)
    changes.change("web", {"log_level": "DEBUG"}, actor=BOB)


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


@pytest.mark.usefixtures("three")
def test_the_list_says_who_changed_what_and_why(operator: OperatorBrowser) -> None:
    page = text_of(operator.get(REVISIONS))
    assert "&quot;ERROR&quot; → &quot;DEBUG&quot;" in page
    assert "(environment) → 2048" in page
    assert "&lt;i&gt;loud&lt;/i&gt;" in page


@pytest.mark.usefixtures("three")
def test_two_revisions_are_compared(operator: OperatorBrowser) -> None:
    page = text_of(operator.get(REVISIONS, {"from": "0", "to": "2"}))
    assert "From revision 0 to 2" in page
    assert "<td>(environment)</td><td>2048</td>" in page
    assert "No difference." in text_of(operator.get(REVISIONS, {"from": "2", "to": "2"}))


@pytest.mark.usefixtures("three")
def test_the_settings_of_a_time_are_shown(operator: OperatorBrowser) -> None:
    page = text_of(operator.get(REVISIONS, {"at": "2026-11-01T14:00:00+01:00"}))
    assert "Revision 1 by ann" in page
    assert "2026-11-01 13:00:00 UTC" in page
    assert "the environment alone" in text_of(operator.get(REVISIONS, {"at": "2026-10-01T00:00"}))


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    "query",
    [
        {"from": "1", "to": "9"},
        {"from": "1"},
        {"from": "-1", "to": "1"},
        {"at": "<b>noon"},
        {"at": "0001-01-01T00:00+10:00"},
        {"before": "x"},
        {"from": "9" * 30, "to": "1"},
        {"before": "²"},
    ],
)
def test_what_is_not_accepted_is_named(operator: OperatorBrowser, query: dict[str, str]) -> None:
    answer = operator.get(REVISIONS, query)
    assert answer.status_code == 400
    assert "accepted: " in text_of(answer)
    assert "<b>noon" not in text_of(answer)


def test_many_revisions_are_listed_in_pages(operator: OperatorBrowser) -> None:
    for number in range(1, PER_PAGE + 3):
        changes.change("web", {"head_bytes": 2048 + number}, actor=ANN)
    first = text_of(operator.get(REVISIONS))
    assert '<a href="?before=3">' in first
    second = text_of(operator.get(REVISIONS, {"before": "3"}))
    assert "2049 → 2050" in second
    assert "?before=" not in second


@pytest.mark.usefixtures("three")
def test_restoring_shows_the_difference_first_and_then_makes_an_equal_revision(
    operator: OperatorBrowser,
) -> None:
    page = text_of(operator.get(f"{RESTORE}1/"))
    assert "<td>2048</td><td>(environment)</td>" in page
    assert Revision.objects.count() == 3
    answer = operator.post(f"{RESTORE}1/", filled(page) | {"_reason": "it was better"})
    assert answer.status_code == 302
    revision = Revision.objects.get(number=4)
    assert (revision.given, revision.reason) == ({"log_level": "ERROR"}, "it was better")
    assert operator.due.count == 1


@pytest.mark.usefixtures("three")
def test_the_last_good_revision_is_the_newest_that_was_applied(operator: OperatorBrowser) -> None:
    page = text_of(operator.get(f"{RESTORE}last-good/"))
    assert "Restore revision 1 of web" in page
    assert f'action="/admin/operations/{RESTORE}1/"' in page


@pytest.mark.usefixtures("three")
def test_the_later_of_two_operators_sees_what_changed(operator: OperatorBrowser) -> None:
    values = filled(text_of(operator.get(f"{RESTORE}1/")))
    changes.change("web", {"body_bytes": 4096}, actor=ANN, reason="uploads")
    answer = operator.post(f"{RESTORE}1/", values)
    assert answer.status_code == 409
    assert "uploads" in text_of(answer)
    assert Revision.objects.count() == 4
    assert operator.post(f"{RESTORE}1/", filled(text_of(answer))).status_code == 302


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("forged", [{"_revision": ""}, {"_reason": "\x07"}])
def test_a_forged_form_is_refused(operator: OperatorBrowser, forged: dict[str, str]) -> None:
    assert operator.send_form(f"{RESTORE}1/", **forged).status_code == 400
    assert Revision.objects.count() == 3


@pytest.mark.usefixtures("three")
def test_a_viewer_restores_nothing() -> None:
    viewer = OperatorBrowser(member_of(VIEWERS))
    page = text_of(viewer.get(f"{RESTORE}1/"))
    assert 'type="submit" class="default"' not in page
    assert viewer.post(f"{RESTORE}1/", {"_revision": "3"}).status_code == 403
    assert Revision.objects.count() == 3


def test_what_is_not_there_is_not_found(operator: OperatorBrowser) -> None:
    for which in ("7", "moon"):
        assert operator.get(f"{RESTORE}{which}/").status_code == 404


def test_without_a_last_good_revision_the_page_of_the_service_says_so(operator: OperatorBrowser) -> None:
    answer = operator.get(f"{RESTORE}last-good/")
    assert answer.status_code == 302
    assert "Web has no earlier revision that every process applied" in text_of(operator.get("services/web/"))
