"""A request with a key: what broke off is not done again, and a failure before anything was done may be."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from mdp_site.api.control.idempotency import KEPT, answered_once
from mdp_site.api.problems import Problem

pytestmark = pytest.mark.django_db(transaction=True)


class Work:
    """Counts how often it is done; the first time it may fail."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.done = 0
        self._failure = failure

    async def __call__(self) -> HttpResponse:
        """Answer with the count."""
        self.done += 1
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return HttpResponse(str(self.done), status=HTTPStatus.ACCEPTED, headers={"Location": "/here"})


async def ask(work: Work, key: str = "k", user_id: int = 7, body: str = "{}") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    request = RequestFactory().post("/a?b=1", body, content_type="application/json", headers=headers)
    return await answered_once(request, user_id, work)


async def test_the_answer_is_kept_with_its_status_and_headers_for_a_day() -> None:
    work = Work()
    first, again = await ask(work), await ask(work)
    assert work.done == 1
    assert (again.status_code, again.content, again["Location"]) == (202, first.content, "/here")
    assert (await ask(work, user_id=8)).content == b"2"
    assert (await ask(work, key="")).content == b"3"
    with time_machine.travel(timezone.now() + KEPT + timedelta(seconds=1)):
        assert (await ask(work)).content == b"4"


async def test_another_request_with_the_key_is_refused() -> None:
    work = Work()
    await ask(work)
    with pytest.raises(Problem) as refused:
        await ask(work, body='{"a":1}')
    assert refused.value.code == "idempotency_key_reused"
    assert work.done == 1


async def test_what_broke_off_is_not_done_again() -> None:
    work = Work(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await ask(work)
    with pytest.raises(Problem) as unknown:
        await ask(work)
    assert unknown.value.code == "not_answered_yet"
    assert work.done == 1


@pytest.mark.parametrize(("code", "times"), [("unavailable", 2), ("refused", 1)])
async def test_a_refusal_is_kept_and_what_could_not_be_begun_is_not(code: str, times: int) -> None:
    work = Work(Problem(code, "no"))
    await ask(work)
    await ask(work)
    assert work.done == times


@pytest.mark.parametrize("key", ["", " ", "ä", "x" * 256, "a b"])
async def test_a_key_that_is_not_acceptable_is_refused(key: str) -> None:
    request = RequestFactory().post("/", "{}", content_type="application/json", HTTP_IDEMPOTENCY_KEY=key)
    with pytest.raises(Problem) as refused:
        await answered_once(request, 7, Work())
    assert refused.value.faults[0].pointer == "#/header/Idempotency-Key"
