"""A task that works in turns answers what other tasks ask of it."""

import asyncio

import pytest

from marketdata.errors import OwnershipLost
from marketdata.runtime.asked import Asked


async def test_a_question_is_taken_once_and_its_answer_reaches_the_asker() -> None:
    asked: Asked[str, int] = Asked()
    answer = asked.ask("how many")
    (question,) = asked.take()
    assert question.wish == "how many"
    assert not answer.done()
    question.fulfil(3)
    assert await answer == 3
    assert asked.take() == []


async def test_all_that_is_open_is_refused_when_the_work_ends() -> None:
    asked: Asked[str, int] = Asked()
    answered, taken = asked.ask("answered"), asked.ask("taken")
    asked.take()[0].fulfil(1)
    waiting = asked.ask("waiting")
    asked.refuse_all(OwnershipLost("gone"))
    assert await answered == 1
    for refused in (taken, waiting):
        with pytest.raises(OwnershipLost, match="gone"):
            await refused
    assert asked.take() == []


async def test_an_asker_that_gave_up_is_not_answered() -> None:
    asked: Asked[str, int] = Asked()
    for end in ("fulfil", "refuse"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asked.ask("slow")
        (question,) = asked.take()
        if end == "fulfil":
            question.fulfil(1)
        else:
            question.refuse(OwnershipLost("gone"))
        assert question.answer.cancelled()
