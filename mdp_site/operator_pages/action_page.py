"""The page of an action: its arguments, then its impact, then the button that runs it.

Looking changes nothing: arguments and impact are pages of their own addresses. Only the button is a POST.
"""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from marketdata.control.arguments import argument_values
from marketdata.errors import MarketDataError
from marketdata.runtime.settings import Declaration, declarations
from mdp_site.control_plane import history
from mdp_site.control_plane.actions import running
from mdp_site.control_plane.actions.declared import Action, BySettings
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.actions.running import Prepared
from mdp_site.control_plane.changes import ReasonRefused, StaleRevision
from mdp_site.operator_pages import pages
from mdp_site.operator_pages.action_links import PROCESS, SERVICE, required
from mdp_site.operator_pages.fields import DeclaredForm, shown_value
from mdp_site.operator_pages.revision_rows import RevisionRow, revision_row
from mdp_site.operator_pages.settings_form import OWN_NAMES, REASON, seen_number


@require_http_methods(["GET", "HEAD", "POST"])
def action_page(request: HttpRequest, site: AdminSite, name: str) -> HttpResponse:
    """Show an action, or run it. The admin site must protect it."""
    if name not in ACTIONS:
        raise Http404(f"there is no action {name!r}")
    action = ACTIONS[name]
    if request.method == "POST":
        return _run(request, site, action)
    is_asked = not declarations(action.arguments) or bool(request.GET)
    form = _form(action, request.GET if is_asked else None)
    if is_asked and form.is_valid():
        try:
            wish = running.prepared(name, _values(form, action, request.GET), pages.overview(request))
        except MarketDataError as error:
            form.refuse(error)
        else:
            return _confirmation(request, site, wish)
    return _arguments(request, site, action, form)


def _run(request: HttpRequest, site: AdminSite, action: Action) -> HttpResponse:
    data, reason = request.POST, request.POST.get(REASON, "")
    actor = pages.check_may_change(request, service="", action=action.name)
    form = _form(action, data)
    try:
        form.is_valid()
        wish = running.prepared(action.name, _values(form, action, data), pages.overview(request))
        seen = seen_number(data) if isinstance(action.work, BySettings) else None
    except MarketDataError as error:
        running.failed_to_prepare(action.name, error, actor=actor)
        form.refuse(error)
        return _arguments(request, site, action, form)
    try:
        run = running.run(wish, actor=actor, reason=reason, expected_revision=seen)
    except StaleRevision as stale:
        meanwhile = [revision_row(each) for each in stale.revisions]
        return _confirmation(
            request,
            site,
            wish,
            reason=reason,
            refusal=str(stale),
            meanwhile=meanwhile,
            status=HTTPStatus.CONFLICT,
        )
    except ReasonRefused as error:
        return _confirmation(
            request,
            site,
            wish,
            seen=seen,
            reason=reason,
            reason_error=str(error),
            status=HTTPStatus.BAD_REQUEST,
        )
    except MarketDataError as error:
        return _confirmation(
            request, site, wish, reason=reason, refusal=str(error), status=HTTPStatus.BAD_REQUEST
        )
    pages.deliver_now(request)
    return redirect("admin:operations_run", run.pk)


def _form(action: Action, data: QueryDict | None) -> DeclaredForm:
    declared = declarations(action.arguments)
    defaults = {
        name: each.default for name, each in declared.items() if each.default is not msgspec.NODEFAULT
    }
    return DeclaredForm(declared, defaults, data, required=required(action))


def _values(form: DeclaredForm, action: Action, data: QueryDict) -> Mapping[str, Any]:
    """The arguments as sent. Names that are no arguments are among them, so that they are refused."""
    declared = declarations(action.arguments)
    strangers = {name: data[name] for name in data if name not in declared and name not in OWN_NAMES}
    return form.sent() | strangers


def _arguments(request: HttpRequest, site: AdminSite, action: Action, form: DeclaredForm) -> HttpResponse:
    """The page that asks for the arguments."""
    context = {"title": action.label, "action": action, "form": form, "fields": list(form)}
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return pages.page(request, site, "admin/operations/action.html", context, status)


def _confirmation(
    request: HttpRequest,
    site: AdminSite,
    wish: Prepared,
    *,
    seen: int | None = None,
    reason: str = "",
    reason_error: str = "",
    refusal: str = "",
    meanwhile: Collection[RevisionRow] = (),
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """The page with the impact and the button."""
    declared = declarations(wish.action.arguments)
    values = argument_values(wish.arguments)
    if seen is None and isinstance(wish.action.work, BySettings):
        newest = history.newest(wish.service)
        seen = newest.number if newest else 0
    context = {
        "title": _title(wish),
        "action": wish.action,
        "service": wish.service,
        "impact": wish.impact,
        "expected": wish.expected,
        "shown": [(name.replace("_", " "), declared[name].text(value)) for name, value in values.items()],
        "hidden": [pair for name, value in values.items() for pair in _sent_again(declared[name], value)],
        "seen": seen,
        "reason": reason,
        "reason_error": reason_error,
        "conflict": refusal,
        "meanwhile": meanwhile,
    }
    return pages.page(request, site, "admin/operations/confirm_action.html", context, status)


def _title(wish: Prepared) -> str:
    """The action and what it is done to, as its button says it."""
    names = argument_values(wish.arguments)
    return f"{wish.action.label} {names.get(PROCESS) or names.get(SERVICE) or ''}".rstrip()


def _sent_again(declared: Declaration, value: Any) -> list[tuple[str, str]]:
    """An argument as the hidden fields of the button send it."""
    shown = shown_value(declared, value)
    texts = ["", *shown] if isinstance(shown, list) else [shown]
    return [(declared.name, text) for text in texts]
