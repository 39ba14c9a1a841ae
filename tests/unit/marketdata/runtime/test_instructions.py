"""A process carries out each instruction once, and answers, whatever the cache and its handlers do."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable
from marketdata.runtime.instructions import (
    LIFETIME_SECONDS,
    POLL_SECONDS,
    ActionAnswer,
    Carrier,
    Instruction,
    read_answer,
    read_instruction,
)
from tests.support.virtual_time import run_in_virtual_time

SOON_SECONDS = POLL_SECONDS + 0.1
NOWHERE = "0-0"


class MemoryInstructions:
    """A cache in memory. It may be away for reading, for answers, or for both."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, float, bytes]] = []
        self.number = 0
        self.answers: dict[str, list[ActionAnswer]] = {}
        self.is_away = False
        self.takes_answers = True

    def give(
        self, action: str = "ring", *, number: str = "1", age_seconds: float = 0.0, **arguments: Any
    ) -> None:
        self.give_bytes(
            msgspec.json.encode(Instruction(id=number, action=action, arguments=arguments)), age_seconds
        )

    def give_bytes(self, value: bytes, age_seconds: float = 0.0) -> None:
        self.number += 1
        self.stored.append((self.number, asyncio.get_running_loop().time() - age_seconds, value))

    async def newest_position(self) -> str:
        self._check()
        return str(self.stored[-1][0]) if self.stored else NOWHERE

    async def after(self, position: str) -> Sequence[tuple[str, float, bytes]]:
        self._check()
        last = 0 if position == NOWHERE else int(position)
        now = asyncio.get_running_loop().time()
        return [(str(number), now - at, value) for number, at, value in self.stored if number > last]

    async def answer(self, instruction: str, source: str, value: bytes) -> None:
        self._check()
        if not self.takes_answers:
            raise StoreUnavailable("the cache is full")
        answer = read_answer(value)
        assert answer.source == source
        self.answers.setdefault(instruction, []).append(answer)

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the cache is away")


class Bell:
    """Handlers of a service that rings."""

    def __init__(self) -> None:
        self.rings: list[Mapping[str, Any]] = []
        self.handlers = {
            "ring": self.ring,
            "refuse": self.refuse,
            "fail": self.fail,
            "hang": self.hang,
            "stumble": self.stumble,
        }

    async def ring(self, arguments: Mapping[str, Any]) -> str:
        self.rings.append(arguments)
        return f"rang {len(self.rings)} times"

    async def refuse(self, _arguments: Mapping[str, Any]) -> str:
        raise ConfigurationError("loud\x00 is 11; accepted: 0 to 10\ud800")

    async def fail(self, _arguments: Mapping[str, Any]) -> str:
        raise ZeroDivisionError("secret")

    async def hang(self, _arguments: Mapping[str, Any]) -> str:
        await asyncio.sleep(3_600)
        return "never"

    async def stumble(self, _arguments: Mapping[str, Any]) -> str:
        raise asyncio.CancelledError


@contextlib.asynccontextmanager
async def carrying(given: MemoryInstructions, bell: Bell) -> Any:
    running = asyncio.create_task(Carrier(given, bell.handlers, source="web:1").run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        yield
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_an_instruction_is_carried_out_once_and_answered() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give(loud=3)
            await asyncio.sleep(SOON_SECONDS)
            await asyncio.sleep(60)
        assert bell.rings == [{"loud": 3}]
        assert given.answers == {"1": [ActionAnswer(source="web:1", text="rang 1 times")]}

    run_in_virtual_time(work())


def test_what_was_given_before_the_process_started_is_not_for_it() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        given.give()
        async with carrying(given, bell):
            await asyncio.sleep(SOON_SECONDS)
            given.give(number="2")
            await asyncio.sleep(SOON_SECONDS)
        assert list(given.answers) == ["2"]

    run_in_virtual_time(work())


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("refuse", "loud  is 11; accepted: 0 to 10 "),
        ("fail", "a defect: ZeroDivisionError; the log has more"),
        ("stumble", "a defect: CancelledError; the log has more"),
        ("hang", "not done within 10 s"),
        ("paint", "this process knows no 'paint'; accepted: ring, refuse, fail, hang, stumble"),
    ],
)
def test_what_is_not_done_is_refused_with_the_reason_and_the_next_one_is_done(action: str, text: str) -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give(action)
            await asyncio.sleep(LIFETIME_SECONDS + 1)
            given.give(number="2")
            await asyncio.sleep(SOON_SECONDS)
        assert given.answers["1"] == [ActionAnswer(source="web:1", text=text, is_refused=True)]
        assert not given.answers["2"][0].is_refused

    run_in_virtual_time(work())


def test_one_that_is_too_old_is_not_done_and_the_operator_is_told() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give(age_seconds=LIFETIME_SECONDS + 2)
            given.give(number="2", age_seconds=LIFETIME_SECONDS - 2)
            await asyncio.sleep(SOON_SECONDS)
        assert len(bell.rings) == 1
        assert given.answers["1"][0].is_refused
        assert given.answers["1"][0].text == "given 12 s ago; accepted: 10 s at most"

    run_in_virtual_time(work())


def test_one_that_cannot_be_read_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give_bytes(b"\xff{")
            given.give_bytes(b'{"id": 1}')
            given.give()
            await asyncio.sleep(SOON_SECONDS)
        assert len(bell.rings) == 1

    run_in_virtual_time(work())
    assert "instruction unreadable" in caplog.text


def test_a_cache_that_restarts_empty_gives_nothing_twice_and_new_ones_arrive() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give()
            await asyncio.sleep(SOON_SECONDS)
            given.is_away = True
            given.stored.clear()
            await asyncio.sleep(5)
            given.is_away = False
            await asyncio.sleep(SOON_SECONDS)
            given.give(number="2")
            await asyncio.sleep(SOON_SECONDS)
        assert list(given.answers) == ["1", "2"]
        assert len(bell.rings) == 2

    run_in_virtual_time(work())


def test_one_that_is_returned_once_more_is_not_carried_out_again() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give()
            await asyncio.sleep(SOON_SECONDS)
            given.give()
            given.give(number="2")
            await asyncio.sleep(SOON_SECONDS)
        assert len(bell.rings) == 2
        assert [len(each) for each in given.answers.values()] == [1, 1]

    run_in_virtual_time(work())


def test_an_answer_that_the_cache_did_not_take_is_sent_when_it_does_and_nothing_is_done_again() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.takes_answers = False
            given.give()
            given.give(number="2")
            await asyncio.sleep(5)
            assert given.answers == {}
            given.takes_answers = True
            await asyncio.sleep(SOON_SECONDS)
        assert [each[0].text for each in given.answers.values()] == ["rang 1 times", "rang 2 times"]
        assert len(bell.rings) == 2

    run_in_virtual_time(work())


def test_a_process_that_starts_while_the_cache_is_away_carries_out_what_comes_later() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        given.is_away = True
        async with carrying(given, bell):
            await asyncio.sleep(5)
            given.is_away = False
            await asyncio.sleep(SOON_SECONDS)
            given.give()
            await asyncio.sleep(SOON_SECONDS)
        assert len(bell.rings) == 1

    run_in_virtual_time(work())


def test_the_end_of_the_process_ends_a_handler_that_works() -> None:
    async def work() -> None:
        given, bell = MemoryInstructions(), Bell()
        async with carrying(given, bell):
            given.give("hang")
            await asyncio.sleep(SOON_SECONDS)
        assert given.answers == {}

    run_in_virtual_time(work())


@given(st.binary() | st.dictionaries(st.text(), st.text() | st.booleans()).map(msgspec.json.encode))
def test_any_stored_bytes_are_an_answer_that_can_be_stored_or_an_error_of_content(stored: bytes) -> None:
    for read in (read_answer, read_instruction):
        with contextlib.suppress(ContentError):
            read(stored)
    with contextlib.suppress(ContentError):
        answer = read_answer(stored)
        assert "\x00" not in answer.text + answer.source
        answer.text.encode()


@given(st.text())
def test_any_text_of_another_process_can_be_stored(text: str) -> None:
    stored = msgspec.json.encode({"source": "a", "text": text})
    assert "\x00" not in read_answer(stored).text
