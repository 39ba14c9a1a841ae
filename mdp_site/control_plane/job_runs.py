"""Follows the actions that run a job: the outcome of the action is that of the job.

An order waits in a row of django-q2's queue, until the finished run has a row of its own. The run has the id
of the order.
"""

from typing import Final

from django.utils import timezone
from django_q.models import OrmQ, Task

from marketdata.control import Effect, RevisionOutcome
from marketdata.observability.foreign_text import one_line
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.outcomes import settle_run

MOST_AT_ONCE: Final = 100
MOST_TEXT: Final = 500
TRACE: Final = " : Traceback (most recent call last):"
"""What django-q2 puts behind the message of a failure."""

WAITS: Final = Effect(RevisionOutcome.PENDING, "the order waits for a process that runs jobs")
RUNS: Final = Effect(RevisionOutcome.PENDING, "the job runs")
LOST: Final = Effect(RevisionOutcome.REFUSED, "the order is gone, and no run of it has ended")


def settle_job_runs() -> None:
    """Store what became of the orders of pending actions. Queries the database."""
    pending = ActionRun.objects.filter(outcome=RevisionOutcome.PENDING.value).exclude(job_order="")
    for run in pending.order_by("at")[:MOST_AT_ONCE]:
        effect = effect_of_order(run.job_order)
        if effect.outcome is not RevisionOutcome.PENDING or effect.explanation != run.outcome_text:
            settle_run(run, effect)


def effect_of_order(order: str) -> Effect:
    """What became of the order of a job so far. Queries the database."""
    # The queue is read first: the run has its row before the order leaves the queue.
    waiting = OrmQ.objects.filter(payload__contains=order).values_list("lock", flat=True).first()
    ended = Task.objects.filter(pk=order).values_list("success", "result").first()
    if ended is not None:
        succeeded, result = ended
        outcome = RevisionOutcome.APPLIED if succeeded else RevisionOutcome.REFUSED
        return Effect(outcome, first_line(result))
    if waiting is None:
        return LOST
    return RUNS if waiting > timezone.now() else WAITS


def first_line(result: object) -> str:
    """The first line of what a job returned, or of why it failed."""
    text = "" if result is None else str(result)
    return one_line(text.partition("\n")[0].removesuffix(TRACE))[:MOST_TEXT]
