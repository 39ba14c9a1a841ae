"""A burst of work leaves the event loop free between its parts."""

import asyncio
import functools
from typing import Any

from mdp_site.web_server.turns import WORKS_PER_TURN, Turns
from tests.support.deadlines import eventually

TURNS = 5


async def test_a_burst_is_divided_and_others_run_in_between() -> None:
    turns, done, seen = Turns(), list[int](), list[int]()

    def other() -> None:
        seen.append(len(done))
        if len(seen) < TURNS:
            asyncio.get_running_loop().call_soon(other)

    for number in range(TURNS * WORKS_PER_TURN):
        turns.add(functools.partial(done.append, number))
    asyncio.get_running_loop().call_soon(other)
    await eventually(lambda: len(done) == TURNS * WORKS_PER_TURN, 5.0)
    assert done == list(range(TURNS * WORKS_PER_TURN))
    assert seen == [(turn + 1) * WORKS_PER_TURN for turn in range(TURNS)]


async def test_a_work_that_fails_stops_no_other() -> None:
    turns, done, told = Turns(), list[str](), list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))

    def fail() -> None:
        raise ValueError("of one connection")

    turns.add(fail)
    turns.add(lambda: done.append("next"))
    await asyncio.sleep(0)
    assert done == ["next"]
    turns.add(lambda: done.append("later"))
    await asyncio.sleep(0)
    assert done == ["next", "later"]
    assert [str(each) for each in told] == ["of one connection"]
