"""Actions of operators that run a job now. `settings.FURTHER_ACTIONS` names them for the control plane."""

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any, Final

from django_q.brokers import get_broker
from django_q.models import Task

from marketdata.control.arguments import Arguments
from marketdata.control.views import Overview
from marketdata.jobs import refresh_reference_data
from marketdata.runtime.settings import setting
from mdp_site.control_plane.actions.declared import Action, ByJob
from mdp_site.control_plane.job_runs import first_line
from mdp_site.jobs.broker import JobsBroker
from mdp_site.jobs.offered import JOBS
from mdp_site.jobs.schedules import short_name
from mdp_site.jobs_settings import JOBS_ROLE

NAMES: Final[Mapping[str, str]] = {short_name(job): job for job in JOBS}
"""What operators call a job -> its dotted name."""
REFERENCE: Final = refresh_reference_data.__name__


class OfJob(Arguments, frozen=True, kw_only=True):
    """A job."""

    job: Annotated[str, setting("The job.", variable=None, choices=NAMES)]


class OfReference(Arguments, frozen=True, kw_only=True):
    """Nothing: there is one reference job."""


def order(name: str) -> str:
    """Order a run of the job of this name. Returns the id of the order, which may have waited before."""
    broker = get_broker()
    assert isinstance(broker, JobsBroker)  # noqa: S101 - the settings say so
    return broker.order(NAMES[name])


def _impact(name: str) -> str:
    job = NAMES[name]
    ran = (
        Task.objects.filter(func=job).order_by("-stopped").values_list("stopped", "success", "result").first()
    )
    if ran is None:
        return f"Runs '{JOBS[job]}' once, as soon as a process that runs jobs is free. It has not run yet."
    stopped, succeeded, result = ran
    ended = f"{stopped.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    outcome = "succeeded" if succeeded else "failed"
    text = f": {first_line(result)}" if result is not None else ""
    return f"Runs '{JOBS[job]}' once. The last run ended at {ended} and {outcome}{text}."


def _jobs(_arguments: Any) -> str:
    return JOBS_ROLE


def _impact_of_job(arguments: OfJob, _overview: Overview) -> str:
    return _impact(arguments.job)


def _impact_of_reference(_arguments: OfReference, _overview: Overview) -> str:
    return _impact(REFERENCE)


ACTIONS: Final = (
    Action(
        name="run_job",
        label="Run a job",
        explanation="Run a job now. An order for a job that waits already is no second one.",
        arguments=OfJob,
        service=_jobs,
        impact=_impact_of_job,
        work=ByJob(lambda arguments: order(arguments.job)),
    ),
    Action(
        name="load_reference",
        label="Load reference data",
        explanation="Run the job that loads reference data. Data of the current trading day stays.",
        arguments=OfReference,
        service=_jobs,
        impact=_impact_of_reference,
        work=ByJob(lambda _arguments: order(REFERENCE)),
    ),
)
