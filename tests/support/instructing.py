"""Gives instructions to the processes of a service, and reads their answers, with no web process."""

import asyncio
import itertools
from collections.abc import Collection, Mapping

import msgspec

from marketdata.runtime.instructions import ActionAnswer, Instruction, read_answer
from marketdata.store.instruction_records import InstructionRecords
from tests.support.deadlines import eventually

ANSWER_SECONDS = 15.0
AGAIN_SECONDS = 2.0


class Instructing:
    """What an operator asks of the processes of one service."""

    def __init__(self, records: InstructionRecords) -> None:
        self._records = records
        self._numbers = itertools.count(1)

    async def ask(self, action: str, expected: int = 1, **arguments: object) -> Mapping[str, ActionAnswer]:
        """The answers of so many processes, by the process."""
        number = await self._give(action, arguments)

        async def answers() -> Collection[ActionAnswer] | None:
            found = [read_answer(stored) for stored in await self._records.answers(number)]
            return found if len(found) >= expected else None

        return {each.source: each for each in await eventually(answers, ANSWER_SECONDS) or ()}

    async def until_carried_out(self, expected: int = 1) -> None:
        """Wait until so many processes carry out instructions: they refuse one that nobody knows."""
        clock = asyncio.get_running_loop().time
        given, given_at = "", -AGAIN_SECONDS

        async def all_refuse() -> bool:
            nonlocal given, given_at
            if clock() - given_at >= AGAIN_SECONDS:  # one that was given before a process began is not for it
                given, given_at = await self._give("nothing", {}), clock()
            return len(await self._records.answers(given)) >= expected

        await eventually(all_refuse, 4 * ANSWER_SECONDS)

    async def _give(self, action: str, arguments: Mapping[str, object]) -> str:
        number = f"{action}-{next(self._numbers)}"
        await self._records.give(
            msgspec.json.encode(Instruction(id=number, action=action, arguments=arguments))
        )
        return number
