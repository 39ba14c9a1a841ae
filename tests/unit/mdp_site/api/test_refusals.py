"""Refused attempts fill no audit: of each user and reason there is one entry a minute, with a count."""

import re

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import DatabaseError

from mdp_site.api.control import refusals
from mdp_site.api.control.refusals import RefusalBook
from mdp_site.control_plane.models import AuditEntry
from tests.support.deadlines import eventually
from tests.support.operators import ANN, VIC

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def entries() -> list[tuple[str, str, str]]:
    """Who, what and with what result, the oldest first."""
    return [(each.who, each.action, each.result) for each in AuditEntry.objects.order_by("pk")]


async def test_many_attempts_are_one_entry_and_then_their_number() -> None:
    book = RefusalBook(minute_seconds=0.2)
    for _ in range(10_000):
        await book.enter(VIC, reason="no_right", action="change_service", detail="no role permits it")
    first = ("vic", "change_service", "refused: no role permits it")

    async def all_are_counted() -> bool:
        further = [re.search(r"\(([\d,]+) further", result) for _, _, result in await entries()]
        return sum(int(each[1].replace(",", "")) for each in further if each) == 9_999

    await eventually(all_are_counted, 5.0)
    found = await entries()
    assert found[0] == first
    assert len(found) < 100


async def test_the_number_is_written_also_if_the_request_ran_below_a_synchronous_middleware() -> None:
    book = RefusalBook(minute_seconds=0.2)

    def request() -> None:
        for _ in range(3):
            async_to_sync(book.enter)(VIC, reason="no_right", action="run_action", detail="no")

    await sync_to_async(request)()

    async def number_is_written() -> bool:
        return [result for _, _, result in await entries()] == [
            "refused: no",
            "refused: no (2 further attempts)",
        ]

    await eventually(number_is_written, 5.0)


async def test_each_user_and_each_reason_has_its_own_entry() -> None:
    book = RefusalBook()
    for actor in (VIC, ANN):
        for reason in ("no_right", "too_many_requests", "no_right"):
            await book.enter(actor, reason=reason, action="run_action", detail=reason)
    assert [(who, result) for who, _, result in await entries()] == [
        (who, f"refused: {reason}") for who in ("vic", "ann") for reason in ("no_right", "too_many_requests")
    ]


async def test_after_a_quiet_minute_an_attempt_is_an_entry_again() -> None:
    book = RefusalBook(minute_seconds=0.05)

    for count in (1, 2):
        await book.enter(VIC, reason="no_right", action="run_action", detail="no")
        assert [result for _, _, result in await entries()] == ["refused: no"] * count
        await eventually(lambda: not book._counted, 5.0)


async def test_a_database_that_is_away_changes_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_named: object) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(refusals, "note", fail)
    await RefusalBook().enter(VIC, reason="no_right", action="run_action", detail="no")
    monkeypatch.undo()
    assert await entries() == []
