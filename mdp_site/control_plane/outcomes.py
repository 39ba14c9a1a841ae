"""Stores what became of revisions."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketdata.control import Effect, RevisionOutcome
from mdp_site.control_plane.actors import PROCESSES
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.models import ActionRun, Revision


@transaction.atomic
def settle(service: str, number: int, effect: Effect) -> None:
    """Store what became of a revision so far. A decided outcome stays: the first report is right."""
    stored = (
        _pending(service)
        .filter(number=number)
        .update(
            outcome=effect.outcome.value,
            outcome_text=effect.explanation,
            outcome_at=timezone.now(),
            applied_by=list(effect.applied_by),
        )
    )
    if stored:
        _follow(service, number, effect)
    if stored and effect.outcome is not RevisionOutcome.PENDING:
        note(
            PROCESSES,
            service=service,
            action="outcome",
            revision=number,
            result=f"{effect.outcome}: {effect.explanation}",
        )


def overtake(service: str, number: int) -> None:
    """Revisions that are still pending are overtaken by the one of this number."""
    effect = Effect(RevisionOutcome.OVERTAKEN, f"overtaken by revision {number}")
    _pending(service).update(
        outcome=effect.outcome.value, outcome_text=effect.explanation, outcome_at=timezone.now()
    )
    _follow(service, None, effect)


@transaction.atomic
def settle_run(run: ActionRun, effect: Effect) -> None:
    """Store what became of an action so far. A decided outcome stays: the first one is right."""
    stored = _store(ActionRun.objects.filter(pk=run.pk), effect)
    if stored and effect.outcome is not RevisionOutcome.PENDING:
        note(
            PROCESSES,
            service=run.service,
            action=run.action,
            result=f"{effect.outcome}: {effect.explanation}",
        )


@transaction.atomic
def settle_by_revision(run: ActionRun, revision: Revision) -> None:
    """Give a stored run the outcome that its revision has by now.

    The revision is stored before the run, so it may have been decided in between. Its row is locked: who
    decides it meanwhile finds the run.
    """
    present = Revision.objects.select_for_update().get(pk=revision.pk)
    effect = Effect(RevisionOutcome(present.outcome), present.outcome_text, tuple(present.applied_by))
    _store(ActionRun.objects.filter(pk=run.pk), effect)


def _follow(service: str, number: int | None, effect: Effect) -> None:
    """An action on settings has the outcome of its revision. `number` None: all of the service."""
    runs = ActionRun.objects.filter(service=service, revision__isnull=False)
    _store(runs if number is None else runs.filter(revision=number), effect)


def _store(runs: QuerySet[ActionRun], effect: Effect) -> int:
    return runs.filter(outcome=RevisionOutcome.PENDING.value).update(
        outcome=effect.outcome.value,
        outcome_text=effect.explanation,
        outcome_at=timezone.now(),
        done_by=list(effect.applied_by),
    )


def _pending(service: str) -> QuerySet[Revision]:
    return Revision.objects.filter(service=service, outcome=RevisionOutcome.PENDING.value)
