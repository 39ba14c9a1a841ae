"""The audit and the revisions in the admin: read only, searched, exported."""

import csv
import datetime as dt
import io

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from mdp_site.accounts.models import User
from mdp_site.accounts.roles import ADMINISTRATORS, VIEWERS
from mdp_site.control_plane import changes
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.csv_export import AUDIT_COLUMNS, csv_line
from mdp_site.control_plane.models import ActionRun, AuditEntry, Revision
from tests.support.operators import ANN, BOB, logged_in, member_of

AUDIT = "/admin/control_plane/auditentry/"
REVISIONS = "/admin/control_plane/revision/"
RUNS = "/admin/control_plane/actionrun/"


@pytest.mark.django_db
def test_a_viewer_sees_filters_and_searches_the_audit() -> None:
    client = logged_in(member_of(VIEWERS))
    before, after = {"head_bytes": None}, {"head_bytes": 2048}  # as each change of settings notes them
    note(ANN, service="web", action="change", result="pending", before=before, after=after)
    note(BOB, service="scanner", action="change", result="<script>refused", reason="a closer look")
    page = client.get(AUDIT).content.decode()
    assert "head_bytes: (environment) → 2048" in page
    assert "&lt;script&gt;refused" in page
    found = client.get(AUDIT, {"q": "closer"}).content.decode()
    assert "bob" in found
    assert "203.0.113.7" not in found
    assert "bob" not in client.get(AUDIT, {"service": "web"}).content.decode()
    entry = AuditEntry.objects.get(service="web")
    assert client.get(f"{AUDIT}{entry.pk}/change/").status_code == 200


@pytest.mark.django_db
def test_the_audit_shows_arguments_of_an_action_as_no_change_of_the_environment() -> None:
    note(ANN, service="processor", action="purge_queue", result="pending", after={"queue": "trades"})
    page = logged_in(member_of(VIEWERS)).get(AUDIT).content.decode()
    assert "queue=&quot;trades&quot;" in page
    assert "(environment)" not in page


@pytest.mark.django_db
def test_the_admin_shows_times_as_the_operations_page_in_utc_and_to_the_second() -> None:
    ActionRun.objects.create(
        action="ring", service="web", who="ann", at=dt.datetime(2026, 11, 29, 1, 56, 48, tzinfo=dt.UTC)
    )
    client = logged_in(member_of(VIEWERS))
    assert "2026-11-29 01:56:48 UTC" in client.get(RUNS).content.decode()
    run = ActionRun.objects.get()
    assert "2026-11-29 01:56:48 UTC" in client.get(f"{RUNS}{run.pk}/change/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_changes_or_deletes_what_is_kept(superuser: bool) -> None:
    member = User.objects.create_superuser("root") if superuser else member_of(ADMINISTRATORS)
    client = logged_in(member)
    entry = note(ANN, service="web", action="change", result="pending")
    revision = changes.change("web", {"log_level": "ERROR"}, actor=ANN)
    run = ActionRun.objects.create(action="ring", service="web", who="ann")
    before = AuditEntry.objects.count()
    for page, row in ((AUDIT, entry.pk), (REVISIONS, revision.pk), (RUNS, run.pk)):
        assert client.get(page).status_code == 200
        assert client.get(f"{page}{row}/change/").status_code == 200
        assert client.post(f"{page}{row}/change/", {"result": "x"}).status_code == 403
        assert client.post(f"{page}{row}/delete/", {"post": "yes"}).status_code == 403
        assert client.post(f"{page}add/", {}).status_code == 403
        client.post(page, {"action": "delete_selected", "_selected_action": [row], "post": "yes"})
    assert AuditEntry.objects.count() == before
    assert Revision.objects.count() == 1
    assert ActionRun.objects.count() == 1


@pytest.mark.django_db
def test_a_viewer_sees_filters_and_searches_the_runs_of_actions() -> None:
    client = logged_in(member_of(VIEWERS))
    ring = ActionRun.objects.create(
        action="ring", service="web", who="ann", arguments={"loud": 3, "text": "<b>"}, outcome="refused"
    )
    ActionRun.objects.create(action="paint", service="scanner", who="bob", reason="a closer look")
    page = client.get(RUNS).content.decode()
    assert "loud=3, text=&quot;&lt;b&gt;&quot;" in page
    assert "bob" in client.get(RUNS, {"q": "closer"}).content.decode()
    assert "bob" not in client.get(RUNS, {"outcome": "refused"}).content.decode()
    assert ">ann<" not in client.get(RUNS, {"action": "paint"}).content.decode()
    assert client.get(f"{RUNS}{ring.pk}/change/").status_code == 200


@pytest.mark.django_db
def test_a_revision_shows_what_it_changed() -> None:
    changes.change("web", {"log_level": "ERROR"}, actor=ANN)
    changes.change("web", {"log_level": "DEBUG"}, actor=BOB)
    page = logged_in(member_of(VIEWERS)).get(REVISIONS).content.decode()
    assert "log_level: &quot;ERROR&quot; → &quot;DEBUG&quot;" in page


@pytest.mark.django_db(transaction=True)
async def test_the_audit_is_exported_in_parts_and_no_cell_is_a_formula() -> None:
    client = await sync_to_async(lambda: logged_in(member_of(VIEWERS), AsyncClient()))()
    made = await sync_to_async(
        lambda: note(
            ANN, service="web", action="change", result="=HYPERLINK(1)", after={"a": 'b"c'}, reason="@b\nc, d"
        )
    )()
    answer = await client.post(AUDIT, {"action": "export_csv", "_selected_action": [made.pk]})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    assert answer.is_async
    text = "".join([part.decode() async for part in answer.streaming_content])
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == AUDIT_COLUMNS
    cells = dict(zip(header, row, strict=True))
    assert cells["result"] == "'=HYPERLINK(1)"
    assert cells["reason"] == "'@b\nc, d"
    assert cells["after"] == '{"a": "b\\"c"}'
    assert cells["before"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_line([text]), newline=""))
    assert cell == f"'{text}"
