"""The page of a run: who did what, why, what it was said to do, and what became of it."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from marketdata.control import RevisionOutcome
from marketdata.errors import ConfigurationError
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.actions.running import run_of
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.presentation import value_text
from mdp_site.control_plane.services import STEERED
from mdp_site.operator_pages import pages
from mdp_site.operator_pages.action_links import SERVICE


@require_safe
def run_page(request: HttpRequest, site: AdminSite, number: str) -> HttpResponse:
    """Show a run. The admin site must protect it."""
    run = _run(number)
    context = {"title": label_of(run), **_state(run)}
    return pages.page(request, site, "admin/operations/run.html", context)


@require_safe
def run_state(request: HttpRequest, number: str) -> HttpResponse:
    """The part of the page that changes."""
    return pages.part(request, "admin/operations/run_state.html", _state(_run(number)))


def label_of(run: ActionRun) -> str:
    """What was done, in the words of its button. An action of another release has its name alone."""
    action = ACTIONS.get(run.action)
    return action.label if action else run.action


def _run(number: str) -> ActionRun:
    try:
        return run_of(number)
    except ConfigurationError as error:
        raise Http404(str(error)) from error


def _state(run: ActionRun) -> dict[str, Any]:
    is_pending = run.outcome == RevisionOutcome.PENDING
    return {
        "run": run,
        "label": label_of(run),
        "arguments": [
            (name.replace("_", " "), "" if value == "" else value_text(value))
            for name, value in run.arguments.items()
            if name != SERVICE
        ],
        "is_steered": run.service in STEERED,
        "waits_for": [each for each in run.expected if each not in run.done_by] if is_pending else (),
        "again_ms": pages.PENDING_AGAIN_MS if is_pending else 0,
    }
