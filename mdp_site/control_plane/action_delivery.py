"""Gives the instructions of actions to the processes, and stores what became of them.

Any web process may give an instruction, and one does: the one that marks the run as sent. If that process
ends in between, no process gives it, and the run is refused after a while. So no instruction is given twice.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec
from django.utils import timezone

from marketdata.control import Effect, RevisionOutcome
from marketdata.control.instructed import judge_answers
from marketdata.errors import ContentError
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.instructions import LIFETIME_SECONDS, ActionAnswer, Instruction, read_answer
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.outcomes import settle_run

MOST_AT_ONCE: Final = 100
NOT_GIVEN: Final = Effect(
    RevisionOutcome.REFUSED,
    f"not given to the processes within {LIFETIME_SECONDS:g} s: the cache or every web process was away",
)

log = get_logger(__name__)


class InstructionsOfService(Protocol):
    """The instructions to one service; see `marketdata.store.instruction_records`.

    Both methods raise `StoreUnavailable`.
    """

    async def give(self, value: bytes) -> None:
        """Give an instruction to the processes that run now."""

    async def answers(self, instruction: str) -> Sequence[bytes]:
        """The answers to an instruction so far."""


class ActionDelivery:
    """Follows the actions that processes carry out. `records` has the instructions by service."""

    def __init__(self, records: Mapping[str, InstructionsOfService], database: DatabaseThread) -> None:
        self._records = records
        self._database = database
        self._log = RateLimitedLog(log)

    async def once(self) -> None:
        """Give what was not given yet, and store what became of the others.

        Raises:
            StoreUnavailable: the cache is away. What was not given in time is refused all the same.
            DatabaseError, InterfaceError: the database is away.
        """
        runs = await self._database.run(pending_runs)
        for run in [each for each in runs if each.sent_at is None and _age_seconds(each) >= LIFETIME_SECONDS]:
            await self._database.run(partial(settle_run, run, NOT_GIVEN))
            runs.remove(run)
        for run in runs:
            if run.sent_at is None:
                await self._give(run)
            else:
                await self._follow(run)

    async def _give(self, run: ActionRun) -> None:
        if await self._database.run(partial(claimed, run)):
            instruction = Instruction(id=str(run.pk), action=run.action, arguments=run.arguments)
            await self._records[run.service].give(msgspec.json.encode(instruction))
            log.info("instruction given", action=run.action, service_name=run.service)

    async def _follow(self, run: ActionRun) -> None:
        effect = judge_answers(run.expected, await self._answers(run), _age_seconds(run))
        if effect.outcome is not RevisionOutcome.PENDING or effect.explanation != run.outcome_text:
            await self._database.run(partial(settle_run, run, effect))

    async def _answers(self, run: ActionRun) -> Sequence[ActionAnswer]:
        answers = []
        for stored in await self._records[run.service].answers(str(run.pk)):
            try:
                answers.append(read_answer(stored))
            except ContentError as error:
                self._log.warning("answer unreadable", reason=run.service, error=str(error))
        return answers


def pending_runs() -> list[ActionRun]:
    """The runs whose instruction is to be given or answered, the oldest first."""
    waiting = ActionRun.objects.filter(outcome=RevisionOutcome.PENDING.value, revision__isnull=True)
    return list(waiting.order_by("at")[:MOST_AT_ONCE])


def claimed(run: ActionRun) -> bool:
    """Mark the run as sent. False if another process has."""
    return bool(ActionRun.objects.filter(pk=run.pk, sent_at__isnull=True).update(sent_at=timezone.now()))


def _age_seconds(run: ActionRun) -> float:
    return (timezone.now() - run.at).total_seconds()
