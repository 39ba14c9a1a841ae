"""Stores what became of revisions."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketdata.control import Effect, RevisionOutcome
from mdp_site.control_plane.actors import PROCESSES
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.models import Revision


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
    _pending(service).update(
        outcome=RevisionOutcome.OVERTAKEN.value,
        outcome_text=f"overtaken by revision {number}",
        outcome_at=timezone.now(),
    )


def _pending(service: str) -> QuerySet[Revision]:
    return Revision.objects.filter(service=service, outcome=RevisionOutcome.PENDING.value)
