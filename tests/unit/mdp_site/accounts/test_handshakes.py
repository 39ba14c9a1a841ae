"""Handshakes that wait are asked for together, bounded, and each gets its own answer."""

import asyncio
from collections.abc import Collection

import pytest

from mdp_site.accounts.handshakes import MOST_IN_A_BATCH, HandshakeQueue, LoginNotChecked
from mdp_site.accounts.standings import Credential, Standing, Way
from tests.support.virtual_time import run_in_virtual_time


def credential(number: int) -> Credential:
    return Credential(Way.TOKEN, f"{number:064}")


class Database:
    """Answers when `may_answer` is set. Odd numbers are valid logins."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.batches: list[list[Credential]] = []
        self.failure: Exception | None = None

    async def read(self, credentials: Collection[Credential]) -> dict[Credential, Standing]:
        self.batches.append(list(credentials))
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return {
            each: Standing(each, int(each.key), f"user{int(each.key)}", True, frozenset())
            for each in credentials
            if int(each.key) % 2
        }


def test_handshakes_that_arrive_during_a_query_share_the_next_ones() -> None:
    async def check() -> None:
        database = Database()
        queue = HandshakeQueue(database.read)
        count = 2 * MOST_IN_A_BATCH + 1
        asked = [asyncio.create_task(queue.standing(credential(number))) for number in range(count)]
        await asyncio.sleep(0.1)
        database.may_answer.set()
        found = await asyncio.gather(*asked)
        assert [len(batch) for batch in database.batches] == [MOST_IN_A_BATCH, MOST_IN_A_BATCH, 1]
        assert [None if each is None else each.user_id for each in found] == [
            number if number % 2 else None for number in range(count)
        ]

    run_in_virtual_time(check())


def test_handshakes_that_come_one_by_one_are_asked_for_in_few_queries() -> None:
    async def check() -> None:
        database = Database()
        database.may_answer.set()
        queue = HandshakeQueue(database.read)
        asked = []
        for number in range(100):
            asked.append(asyncio.create_task(queue.standing(credential(number))))
            await asyncio.sleep(0.002)
        await asyncio.gather(*asked)
        assert len(database.batches[0]) == 1  # the first one did not wait
        assert len(database.batches) <= 12

    run_in_virtual_time(check())


def test_handshakes_with_one_login_share_an_answer_but_not_one_that_was_asked_for_before() -> None:
    async def check() -> None:
        database = Database()
        queue = HandshakeQueue(database.read)
        first = asyncio.create_task(queue.standing(credential(1)))
        await asyncio.sleep(0.1)  # the first query is under way
        others = [asyncio.create_task(queue.standing(credential(1))) for _ in range(5)]
        await asyncio.sleep(0.1)
        database.may_answer.set()
        await asyncio.gather(first, *others)
        assert database.batches == [[credential(1)], [credential(1)]]

    run_in_virtual_time(check())


def test_more_handshakes_than_may_wait_are_refused_and_those_that_wait_are_answered() -> None:
    async def check() -> None:
        database = Database()
        queue = HandshakeQueue(database.read, most_under_way=3)
        waiting = [asyncio.create_task(queue.standing(credential(number))) for number in (1, 3, 5)]
        await asyncio.sleep(0.1)
        with pytest.raises(LoginNotChecked, match="3 handshakes wait already"):
            await queue.standing(credential(7))
        database.may_answer.set()
        assert None not in await asyncio.gather(*waiting)
        assert await queue.standing(credential(7)) is not None

    run_in_virtual_time(check())


def test_a_client_that_leaves_while_it_waits_takes_no_place_and_stops_nobody() -> None:
    async def check() -> None:
        database = Database()
        queue = HandshakeQueue(database.read, most_under_way=1)
        leaving = asyncio.create_task(queue.standing(credential(1)))
        await asyncio.sleep(0.1)
        leaving.cancel()
        await asyncio.wait([leaving])
        staying = asyncio.create_task(queue.standing(credential(3)))
        database.may_answer.set()
        assert (await staying) is not None

    run_in_virtual_time(check())


def test_a_database_that_does_not_answer_is_waited_for_a_bounded_time() -> None:
    async def check() -> None:
        queue = HandshakeQueue(Database().read, answer_seconds=10.0)
        began = asyncio.get_running_loop().time()
        with pytest.raises(LoginNotChecked, match="no answer in 10 s"):
            await queue.standing(credential(1))
        assert asyncio.get_running_loop().time() - began == pytest.approx(10.0)

    run_in_virtual_time(check())


def test_a_database_that_fails_is_told_to_all_who_wait_and_is_asked_again_for_the_next() -> None:
    async def check() -> None:
        database = Database()
        database.failure = ConnectionError("away")
        database.may_answer.set()
        queue = HandshakeQueue(database.read)
        answers = await asyncio.gather(
            *(queue.standing(credential(number)) for number in (1, 3)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [LoginNotChecked] * 2
        database.failure = None
        assert await queue.standing(credential(1)) is not None

    run_in_virtual_time(check())


def test_a_database_that_fails_is_asked_once_for_all_who_wait() -> None:
    """Each further batch would wait for the database as long as the first."""

    async def check() -> None:
        database = Database()
        database.failure = ConnectionError("away")
        queue = HandshakeQueue(database.read)
        asked = [asyncio.create_task(queue.standing(credential(number))) for number in range(500)]
        await asyncio.sleep(0.1)
        database.may_answer.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(answer) for answer in answers} == {LoginNotChecked}
        assert len(database.batches) == 1

    run_in_virtual_time(check())
