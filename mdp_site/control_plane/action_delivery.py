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
from marketdata.control.instructed import ANSWER_SECONDS, judge_answers
from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.instructions import LIFETIME_SECONDS, ActionAnswer, Instruction, read_answer
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.job_runs import settle_job_runs
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.outcomes import settle_run

MOST_AT_ONCE: Final = 100
NOT_GIVEN: Final = Effect(
    RevisionOutcome.REFUSED,
    f"not given to the processes within {LIFETIME_SECONDS:g} s: the cache or every web process was away",
)
NO_SERVICE: Final = Effect(
    RevisionOutcome.REFUSED, "this release of the platform has no such service to give it to"
)
UNKNOWN: Final = Effect(
    RevisionOutcome.REFUSED, "given, but the cache was away: what the processes answered is unknown"
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

    async def once(self) -> bool:
        """Give what was not given yet, and store what became of the others.

        Returns whether an instruction waits for its answers.

        Raises:
            StoreUnavailable: the cache is away. What was not given or answered in time is refused all the
                same.
            DatabaseError, InterfaceError: the database is away.
        """
        await self._database.run(settle_job_runs)
        runs = await self._database.run(pending_runs)
        unavailable: StoreUnavailable | None = None
        for run in runs:
            try:
                await self._advance(run)
            except StoreUnavailable as error:
                unavailable = error
        if unavailable is not None:
            raise unavailable
        return bool(runs)

    async def _advance(self, run: ActionRun) -> None:
        records = self._records.get(run.service)
        if records is None:  # a newer release of this platform may have stored it
            await self._settle(run, NO_SERVICE)
        elif run.sent_at is not None:
            await self._follow(run, records)
        elif _age_seconds(run) >= LIFETIME_SECONDS:
            await self._settle(run, NOT_GIVEN)
        elif await self._is_ours_to_give(run, records):
            instruction = Instruction(id=str(run.pk), action=run.action, arguments=run.arguments)
            await records.give(msgspec.json.encode(instruction))
            log.info("instruction given", action=run.action, service_name=run.service)

    async def _is_ours_to_give(self, run: ActionRun, records: InstructionsOfService) -> bool:
        # The cache is asked for something first. While it is away, the run stays one that can be given.
        await records.answers(str(run.pk))
        return await self._database.run(partial(claimed, run))

    async def _follow(self, run: ActionRun, records: InstructionsOfService) -> None:
        age_seconds = _age_seconds(run)
        try:
            answers = self._readable(run, await records.answers(str(run.pk)))
        except StoreUnavailable:
            if age_seconds >= ANSWER_SECONDS:
                await self._settle(run, UNKNOWN)
            raise
        effect = judge_answers(run.expected, answers, age_seconds)
        if effect.outcome is not RevisionOutcome.PENDING or effect.explanation != run.outcome_text:
            await self._settle(run, effect)

    async def _settle(self, run: ActionRun, effect: Effect) -> None:
        await self._database.run(partial(settle_run, run, effect))

    def _readable(self, run: ActionRun, stored: Sequence[bytes]) -> Sequence[ActionAnswer]:
        answers = []
        for each in stored:
            try:
                answers.append(read_answer(each))
            except ContentError as error:
                self._log.warning("answer unreadable", reason=run.service, error=str(error))
        return answers


def pending_runs() -> list[ActionRun]:
    """The runs whose instruction is to be given or answered, the oldest first."""
    waiting = ActionRun.objects.filter(
        outcome=RevisionOutcome.PENDING.value, revision__isnull=True, job_order=""
    )
    return list(waiting.order_by("at")[:MOST_AT_ONCE])


def claimed(run: ActionRun) -> bool:
    """Mark the run as sent. False if another process has."""
    return bool(ActionRun.objects.filter(pk=run.pk, sent_at__isnull=True).update(sent_at=timezone.now()))


def _age_seconds(run: ActionRun) -> float:
    return (timezone.now() - run.at).total_seconds()
