"""Carries out what operators ask of the processes of a service once, beside its settings.

A setting is a state that a process keeps. An instruction is done once, by each process that runs when it is
given: to send whole tables again, to empty a queue, to close connections. One that is older than
`LIFETIME_SECONDS` is not carried out any more: no operator expects it by then.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from marketdata.errors import ContentError, MarketDataError, StoreUnavailable
from marketdata.observability.foreign_text import one_line
from marketdata.observability.logs import RateLimitedLog, get_logger

LIFETIME_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.5
MAX_TEXT: Final = 500
MOST_REMEMBERED: Final = 1_000
"""Ids of instructions. An instruction is kept for a minute, and operators do not give so many in it."""

log = get_logger(__name__)


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """What to do once. `id` is unique. `action` and `arguments` are as `Carrier` takes them."""

    id: str
    action: str
    arguments: Mapping[str, Any] = {}


class ActionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one process did, in words, or why it refused."""

    source: str
    text: str
    is_refused: bool = False


Handler: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Does one action with its arguments, and says in words what it did.

It raises `MarketDataError` if it refuses. It has `LIFETIME_SECONDS`.
"""


class GivenInstructions(Protocol):
    """The instructions to a service; see `marketdata.store.instruction_records`."""

    async def newest_position(self) -> str:
        """The position of the newest instruction. Raises `StoreUnavailable`."""

    async def after(self, position: str) -> Sequence[tuple[str, float, bytes]]:
        """Position, age in seconds and content of each instruction after a position, the oldest first.

        Some may be returned once more, after the cache lost others.

        Raises:
            StoreUnavailable: the cache is away.
        """

    async def answer(self, instruction: str, source: str, value: bytes) -> None:
        """Store what a process answers. Raises `StoreUnavailable`."""


def read_instruction(stored: bytes) -> Instruction:
    """The instruction in a stored value. Raises `ContentError`, reason `instruction`."""
    try:
        return msgspec.json.decode(stored, type=Instruction)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("instruction", str(error)) from error


def read_answer(stored: bytes) -> ActionAnswer:
    """The answer in a stored value, in text that can be stored and shown.

    Raises:
        ContentError: it cannot be read; reason `answer`.
    """
    try:
        answer = msgspec.json.decode(stored, type=ActionAnswer)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("answer", str(error)) from error
    return ActionAnswer(
        source=one_line(answer.source), text=one_line(answer.text), is_refused=answer.is_refused
    )


class Carrier:
    """Carries out the instructions to the service of this process, one after another.

    `handlers` has the actions that the service knows. Instructions that were given before the process
    started are not for it. None is carried out twice. Answers that the cache did not take are sent again when
    it is back.

    Concurrency: for one event loop.
    """

    def __init__(self, given: GivenInstructions, handlers: Mapping[str, Handler], *, source: str) -> None:
        self._given = given
        self._handlers = handlers
        self._source = source
        self._position = ""
        self._begun: deque[str] = deque(maxlen=MOST_REMEMBERED)
        self._unsent: dict[str, ActionAnswer] = {}
        self._log = RateLimitedLog(log)

    async def run(self) -> None:
        """Carry out instructions until cancelled."""
        while True:
            try:
                await self.once()
            except StoreUnavailable as error:
                self._log.warning("instructions not read", reason="store_unavailable", error=str(error))
            await asyncio.sleep(POLL_SECONDS)

    async def once(self) -> None:
        """Carry out what was given since the look before. Raises `StoreUnavailable`."""
        if not self._position:
            self._position = await self._given.newest_position()
            return
        await self._send_answers()
        for position, age_seconds, stored in await self._given.after(self._position):
            self._position = position
            await self._carry_out(stored, age_seconds)

    async def _carry_out(self, stored: bytes, age_seconds: float) -> None:
        try:
            instruction = read_instruction(stored)
        except ContentError as error:
            self._log.warning("instruction unreadable", reason="content", error=str(error))
            return
        if instruction.id in self._begun:
            return
        self._begun.append(instruction.id)
        if age_seconds < LIFETIME_SECONDS:
            answer = await self._answer(instruction)
        else:
            answer = self._refused(f"given {age_seconds:.0f} s ago; accepted: {LIFETIME_SECONDS:g} s at most")
        log.info("instruction carried out", action=instruction.action, refused=answer.is_refused)
        self._unsent[instruction.id] = answer
        await self._send_answers()

    async def _send_answers(self) -> None:
        for instruction, answer in tuple(self._unsent.items()):
            await self._given.answer(instruction, self._source, msgspec.json.encode(answer))
            del self._unsent[instruction]

    async def _answer(self, instruction: Instruction) -> ActionAnswer:
        handler = self._handlers.get(instruction.action)
        if handler is None:
            known = ", ".join(self._handlers) or "none"
            return self._refused(f"this process knows no {instruction.action!r}; accepted: {known}")
        try:
            async with asyncio.timeout(LIFETIME_SECONDS):
                text = await handler(instruction.arguments)
        except TimeoutError:
            return self._refused(f"not done within {LIFETIME_SECONDS:g} s")
        except MarketDataError as error:
            return self._refused(str(error))
        except (Exception, asyncio.CancelledError) as error:  # a boundary - a defect ends no process
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the process ends; otherwise something in the handler was cancelled
            log.exception("instruction failed", action=instruction.action)
            return self._refused(f"a defect: {type(error).__name__}; the log has more")
        return ActionAnswer(source=self._source, text=one_line(text)[:MAX_TEXT])

    def _refused(self, text: str) -> ActionAnswer:
        return ActionAnswer(source=self._source, text=one_line(text)[:MAX_TEXT], is_refused=True)
