"""Operators steer services by the API: what is accepted is a revision, and a refusal points to its cause."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group

from mdp_site.accounts.roles import OPERATORS
from mdp_site.control_plane.models import AuditEntry, Revision
from tests.support.api_site import ApiSite

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


@sync_to_async
def audit() -> list[AuditEntry]:
    """The audit without what is about accounts, the oldest first."""
    return list(AuditEntry.objects.exclude(service="accounts").order_by("pk"))


@sync_to_async
def revisions() -> int:
    return Revision.objects.count()


async def test_a_change_is_a_revision_with_who_where_and_why(api: ApiSite) -> None:
    operator = await api.operator()
    before = await operator.get("/services/web")
    assert (before.status, before.json["newest"]) == (200, None)
    body = {"settings": {"log_level": "WARNING"}, "reason": "too loud"}
    made = await operator.send("PATCH", "/services/web", body, If_Match=before.headers["ETag"])
    assert made.status == 202, made.body
    assert made.json["given"] == {"log_level": "WARNING"}
    assert (made.json["revision"], made.json["who"], made.json["outcome"]) == (1, "ann", "pending")
    assert made.headers["ETag"] == '"1"'
    there = await operator.ask("GET", made.headers["Location"])
    assert there.json == made.json
    [entry] = await audit()
    assert (entry.who, entry.action, entry.reason, entry.revision) == ("ann", "change", "too loud", 1)
    assert entry.origin.startswith("127.0.0.1 token ")

    back = {"settings": {"log_level": None, "board": 1}, "expected": 1}
    wrong = await operator.send("PATCH", "/services/web", back)
    assert (wrong.status, wrong.json["code"]) == (422, "invalid_parameter")
    assert [each["pointer"] for each in wrong.json["errors"]] == ["#/body/settings/board"]
    back["settings"] = {"log_level": None}
    assert (await operator.send("PATCH", "/services/web", back)).json["given"] == {}
    difference = (await operator.get("/services/web/difference?before=1&after=2")).json["settings"]
    assert difference == {"log_level": {"before": "WARNING", "after": None}}
    restored = await operator.send("POST", "/services/web/restore", {"revision": 1}, If_Match="*")
    assert (restored.status, restored.json["given"]) == (202, {"log_level": "WARNING"})
    pages = [(await operator.get("/services/web/revisions?limit=2")).json]
    pages.append((await operator.get(f"/services/web/revisions?cursor={pages[0]['next_cursor']}")).json)
    assert [each["revision"] for page in pages for each in page["revisions"]] == [3, 2, 1]
    assert pages[1]["next_cursor"] is None
    at = pages[1]["revisions"][0]["at"].replace("+00:00", "Z")
    long_ago = (await operator.get("/services/web/settings_at?at=2020-01-01T00:00:00Z")).json
    assert (long_ago["revision"], long_ago["given"]) == (0, {})
    assert (await operator.get(f"/services/web/settings_at?at={at}")).status == 200


async def test_the_later_one_of_two_operators_is_shown_what_changed(api: ApiSite) -> None:
    ann, bob = await api.operator(), await api.operator("bob")
    seen = (await bob.get("/services/web")).headers["ETag"]
    await ann.send("PATCH", "/services/web", {"settings": {"head_bytes": 2048}, "expected": 0})
    wish: dict[str, Any] = {"settings": {"head_bytes": 4096}}
    by_header = await bob.send("PATCH", "/services/web", wish, If_Match=seen)
    assert (by_header.status, by_header.json["code"]) == (412, "precondition_failed")
    by_body = await bob.send("PATCH", "/services/web", wish | {"expected": 0})
    assert (by_body.status, by_body.json["code"]) == (409, "stale_revision")
    for answer in (by_header, by_body):
        [newer] = answer.json["newer"]
        assert (newer["who"], newer["given"]) == ("ann", {"head_bytes": 2048})
    without = await bob.send("PATCH", "/services/web", wish)
    assert (without.status, without.json["code"]) == (428, "precondition_required")
    assert await revisions() == 1


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        ({"settings": {"head_bytes": 1, "log_level": "LOUD"}}, 422,
         ["#/body/settings/head_bytes", "#/body/settings/log_level"]),
        ({"settings": {}}, 422, ["#/body/settings"]),
        ({"settings": ["a"]}, 422, ["#/body/settings"]),
        ({"settings": {"log_level": "INFO"}, "reason": 5}, 422, ["#/body/reason"]),
        ({"settings": {"log_level": "INFO"}, "reason": "a\u0000b"}, 422, ["#/body/reason"]),
        ({"settings": {"log_level": "INFO"}, "because": "no"}, 422, ["#/body/because"]),
        ({}, 422, ["#/body"]),
        ([], 422, ["#/body"]),
    ],
)  # fmt: skip
async def test_each_wrong_member_is_pointed_to(
    api: ApiSite, body: Any, status: int, pointers: list[str]
) -> None:
    operator = await api.operator()
    answer = await operator.send("PATCH", "/services/web", body, If_Match="*")
    assert answer.status == status, answer.body
    assert [each["pointer"] for each in answer.json["errors"]] == pointers
    assert await revisions() == 0


async def test_a_body_that_is_no_json_or_too_long_is_refused(api: ApiSite) -> None:
    operator = await api.operator()
    path = "/api/v1/services/web"
    for data, kind, status in (
        (b"{", "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b'{"settings":{"banner":"' + b"x" * 70_000 + b'"}}', "application/json", 413),
    ):
        answer = await operator.ask("PATCH", path, data, Content_Type=kind, If_Match="*")
        assert answer.status == status, answer.body
        assert answer.json["status"] == status


async def test_an_action_has_an_impact_and_a_run(api: ApiSite) -> None:
    operator = await api.operator()
    stop = (await operator.get("/actions/stop")).json
    assert "listener" in stop["arguments"]["properties"]["service"]["enum"]
    question = {"arguments": {"service": "listener"}}
    impact = await operator.send("POST", "/actions/stop/impact", question)
    assert impact.status == 200
    assert "No new market data arrives" in impact.json["impact"]
    assert await revisions() == 0
    run = await operator.send("POST", "/actions/stop/runs", question | {"reason": "planned"})
    assert run.status == 202, run.body
    assert (run.json["outcome"], run.json["revision"], run.json["impact"]) == (
        "pending", 1, impact.json["impact"]
    )  # fmt: skip
    assert (await operator.ask("GET", run.headers["Location"])).json == run.json
    [listed] = (await operator.get("/runs")).json["runs"]
    assert listed == run.json
    wrong = await operator.send("POST", "/actions/stop/runs", {"arguments": {"service": "moon"}})
    assert [each["pointer"] for each in wrong.json["errors"]] == ["#/body/arguments/service"]
    nobody = await operator.send(
        "POST", "/actions/drain/runs", {"arguments": {"service": "scanner", "process": "x"}}
    )
    assert (nobody.status, nobody.json["code"]) == (409, "refused")
    assert [each.result.partition(":")[0] for each in await audit()][-2:] == ["refused", "refused"]


async def test_a_request_with_a_key_is_done_once(api: ApiSite) -> None:
    operator = await api.operator()
    wish = {"arguments": {"text": "Maintenance at 20:00"}}
    path = "/actions/banner/runs"
    answers = await asyncio.gather(
        *(operator.send("POST", path, wish, Idempotency_Key="k-1") for _ in range(5))
    )
    done = [answer for answer in answers if answer.status == 202]
    assert {answer.status for answer in answers} <= {202, 409}
    assert await revisions() == 1
    again = await operator.send("POST", path, wish, Idempotency_Key="k-1")
    assert again.body == done[0].body
    assert again.headers["Location"] == done[0].headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await operator.send("POST", path, {"arguments": {"text": "x"}}, Idempotency_Key="k-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    refused = [await operator.send("POST", path, {"arguments": {}}, Idempotency_Key="k-2") for _ in range(2)]
    assert [answer.status for answer in refused] == [422, 422]
    assert refused[0].body == refused[1].body
    assert (await operator.send("POST", path, wish, Idempotency_Key="x" * 256)).status == 422
    bob = await api.operator("bob")
    assert (await bob.send("POST", path, wish, Idempotency_Key="k-1")).status == 202
    assert await revisions() == 2


async def test_operators_see_and_revoke_tokens_with_a_reason(api: ApiSite) -> None:
    operator = await api.operator()
    secret, token = await api.token("ada", "boards")
    ada = api.client(Authorization=f"Bearer {secret}")
    assert (await ada.get("/boards")).status == 200
    [listed] = (await operator.get("/tokens?user=ada")).json["tokens"]
    assert (listed["id"], listed["user"], listed["scopes"]) == (token.pk, "ada", ["boards"])
    assert secret not in str(listed)
    gone = await operator.send("POST", f"/tokens/{token.pk}/revoke", {"reason": "lost"})
    assert gone.status == 200
    assert gone.json["revoked_at"]
    assert (await operator.send("POST", "/tokens/999999/revoke", {})).status == 404
    entry = await sync_to_async(AuditEntry.objects.filter(action="API token revoked").get)()
    assert (entry.who, entry.reason) == ("ann", "lost")
    page = (await operator.get("/audit?service=accounts&who=ann")).json["entries"]
    assert [each["id"] for each in page] == [entry.pk]
    file = await operator.get("/audit?service=accounts&who=ann&format=csv")
    assert file.headers["Content-Type"].startswith("text/csv")
    assert file.body.decode().splitlines()[0].startswith("at,who,user_id,origin")


async def test_a_role_that_ends_ends_changes_at_once(api: ApiSite) -> None:
    operator = await api.operator()
    wish = {"settings": {"log_level": "WARNING"}}
    assert (await operator.send("PATCH", "/services/web", wish, If_Match="*")).status == 202

    def demote() -> None:
        Group.objects.get(name=OPERATORS.name).user_set.clear()

    await sync_to_async(demote)()
    refused = await operator.send("PATCH", "/services/web", wish, If_Match="*")
    assert (refused.status, refused.json["code"]) == (403, "missing_scope")
    assert (await operator.get("/services/web")).status == 200
