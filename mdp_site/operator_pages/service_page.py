"""The page of a service: what is wanted of it, what each process applies, and the form that changes it."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from marketdata.control import RevisionOutcome
from marketdata.errors import MarketDataError
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.changes import ReasonRefused, StaleRevision
from mdp_site.control_plane.services import SteeredService
from mdp_site.operator_pages import pages, settings_form
from mdp_site.operator_pages.action_links import links_of_process, links_of_service
from mdp_site.operator_pages.fields import DeclaredForm
from mdp_site.operator_pages.held_settings import HeldSettings, held_settings
from mdp_site.operator_pages.processes import process_rows, reported
from mdp_site.operator_pages.revision_rows import RevisionRow, revision_row, revision_rows
from mdp_site.operator_pages.settings_form import BACK, REASON, SEEN, Wishes

SHOWN_REVISIONS = 5


@require_http_methods(["GET", "HEAD", "POST"])
def service_page(request: HttpRequest, site: AdminSite, name: str) -> HttpResponse:
    """Show a service, or change its settings. The admin site must protect it."""
    steered = pages.steered_or_404(name)
    if request.method == "POST":
        return _change(request, site, steered)
    held = held_settings(steered)
    return _page(request, site, held, settings_form.settings_form(held))


@require_safe
def service_state(request: HttpRequest, name: str) -> HttpResponse:
    """The part of the page that changes: what became of the newest revision, and the processes."""
    held = held_settings(pages.steered_or_404(name))
    return pages.part(request, "admin/operations/service_state.html", _state(request, held))


def _change(request: HttpRequest, site: AdminSite, steered: SteeredService) -> HttpResponse:
    """Save what the form changes, and redirect; or show the form again, as it was sent, with the errors."""
    actor = pages.check_may_change(request, service=steered.name, action="change")
    data, reason = request.POST, request.POST.get(REASON, "")
    held = held_settings(steered)
    form = settings_form.settings_form(held, data)
    again: dict[str, Any] = {
        "goes_back": data.getlist(BACK),
        "reason": reason,
        "seen": data.get(SEEN, ""),
    }
    if not form.is_valid():
        return _page(request, site, held, form, **again)
    try:
        seen = held_settings(steered, settings_form.seen_number(data))
        wished = settings_form.wishes(form, seen, data)
    except MarketDataError as error:
        form.refuse(error)
        return _page(request, site, held, form, **again)
    try:
        changes.change(
            steered.name,
            wished.changes,
            unset=wished.unset,
            actor=actor,
            reason=reason,
            expected=seen.number,
        )
    except StaleRevision as stale:
        return _changed_meanwhile(request, site, steered, stale, wished)
    except ReasonRefused as error:
        return _page(request, site, held, form, **again, reason_error=str(error))
    except MarketDataError as error:
        form.refuse(error)
        return _page(request, site, held, form, **again)
    pages.deliver_now(request)
    return redirect("admin:operations_service", steered.name)


def _changed_meanwhile(
    request: HttpRequest, site: AdminSite, steered: SteeredService, stale: StaleRevision, wished: Wishes
) -> HttpResponse:
    """The page with the newest settings, what this operator typed, and who changed what meanwhile."""
    held = held_settings(steered)
    form = settings_form.settings_form(held)
    settings_form.keep_typed(form, wished)
    return _page(
        request,
        site,
        held,
        form,
        goes_back=wished.unset,
        reason=request.POST.get(REASON, ""),
        meanwhile=[revision_row(each) for each in stale.revisions],
        conflict=str(stale),
    )


def _page(
    request: HttpRequest,
    site: AdminSite,
    held: HeldSettings,
    form: DeclaredForm,
    *,
    goes_back: Collection[str] = (),
    seen: str = "",
    reason: str = "",
    reason_error: str = "",
    meanwhile: Collection[RevisionRow] = (),
    conflict: str = "",
) -> HttpResponse:
    name = held.steered.name
    is_refused = form.is_bound or bool(reason_error)
    status = HTTPStatus.CONFLICT if conflict else HTTPStatus.BAD_REQUEST if is_refused else HTTPStatus.OK
    context = {
        "title": f"Settings of {name}",
        "form": form,
        "rows": settings_form.rows(held, form if pages.can_control(request) else None, goes_back),
        # A form that is refused still has the values of the revision from which it was made.
        "seen": seen or held.number,
        "reason": reason,
        "reason_error": reason_error,
        "meanwhile": meanwhile,
        "conflict": conflict,
        "revisions": revision_rows(history.newest_first(name, most=SHOWN_REVISIONS)),
        **_state(request, held),
    }
    return pages.page(request, site, "admin/operations/service.html", context, status)


def _state(request: HttpRequest, held: HeldSettings) -> dict[str, Any]:
    overview = pages.overview(request)
    said = async_to_sync(reported)(held.steered.name)
    rows = process_rows(held, overview, said)
    may = pages.can_control(request)
    return {
        "held": held,
        "service": held.steered.name,
        "newest": revision_row(held.newest) if held.newest else None,
        "processes": [(row, links_of_process(held, row.identity, overview) if may else ()) for row in rows],
        "actions": links_of_service(held, overview) if may else (),
        "unread": said.unread or overview.unread.get("cache", ""),
        "again_ms": pages.again_ms(
            pending=held.newest is not None and held.newest.outcome == RevisionOutcome.PENDING
        ),
    }
