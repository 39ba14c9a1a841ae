"""The part of the operations page that steers: the services, the actions, and the newest runs."""

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from marketdata.control import RevisionOutcome
from marketdata.control.views import Overview
from mdp_site.control_plane import history
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.services import STEERED
from mdp_site.operator_pages import pages
from mdp_site.operator_pages.action_links import ActionLink, for_tables, general_links, links_of_service
from mdp_site.operator_pages.held_settings import HeldSettings, held_by
from mdp_site.operator_pages.run_page import label_of

SHOWN_RUNS = 10
MOST_PENDING = 20


class ServiceRow(NamedTuple):
    """A service on the operations page. `wanted` says whether its processes shall work."""

    held: HeldSettings
    wanted: str
    processes: int
    links: list[ActionLink]


def steering_context(request: HttpRequest) -> dict[str, Any]:
    """What the operations page shows beside the document of the installation."""
    may = pages.can_control(request)
    return {
        **_state(request),
        "can_control": may,
        "for_tables": {"actions": for_tables() if may else []},
    }


@require_safe
def steering_part(request: HttpRequest) -> HttpResponse:
    """The part of the operations page that steers, alone."""
    return pages.part(request, "admin/operations/steering.html", _state(request))


def _state(request: HttpRequest) -> dict[str, Any]:
    overview = pages.overview(request)
    may = pages.can_control(request)
    newest = history.newest_of_each(STEERED)
    services = [_row(held_by(each, newest.get(name)), overview, may=may) for name, each in STEERED.items()]
    runs = _runs()
    return {
        "services": services,
        "general": general_links() if may else (),
        "runs": [(run, label_of(run)) for run in runs],
        "again_ms": pages.again_ms(
            pending=RevisionOutcome.PENDING
            in {*(each.outcome for each in runs), *(each.outcome for each in newest.values())}
        ),
    }


def _row(held: HeldSettings, overview: Overview, *, may: bool) -> ServiceRow:
    running = getattr(held.wanted, "running", True)
    return ServiceRow(
        held=held,
        wanted="running" if running else "stopped",
        processes=sum(each.report.service == held.steered.name for each in overview.running),
        links=links_of_service(held, overview) if may else [],
    )


def _runs() -> list[ActionRun]:
    """The runs that are pending, and the newest ones."""
    pending = ActionRun.objects.filter(outcome=RevisionOutcome.PENDING.value)[:MOST_PENDING]
    newest = ActionRun.objects.all()[:SHOWN_RUNS]
    shown = {run.pk: run for run in (*newest, *pending)}
    return sorted(shown.values(), key=lambda run: run.at, reverse=True)
