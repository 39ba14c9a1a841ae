"""The revisions of a service: list, difference between two, settings as of a time, and a way back to one."""

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from marketdata.control import Given
from marketdata.errors import ConfigurationError, MarketDataError
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.changes import StaleRevision
from mdp_site.control_plane.presentation import value_text
from mdp_site.control_plane.services import SteeredService
from mdp_site.operator_pages import pages
from mdp_site.operator_pages.revision_rows import changed_settings, revision_row, revision_rows
from mdp_site.operator_pages.settings_form import REASON, seen_number

PER_PAGE: Final = 50
LAST_GOOD: Final = "last-good"
INSTANTS: Final = "a time such as 2026-11-28T14:30, in UTC or with an offset"


@require_safe
def revisions_page(request: HttpRequest, site: AdminSite, name: str) -> HttpResponse:
    """List the revisions; with `from` and `to` also a difference, with `at` the settings of that time."""
    steered = pages.steered_or_404(name)
    errors: list[str] = []
    asked: dict[str, Any] = {}
    for look in (_compared, _as_of):
        try:
            asked |= look(steered, request.GET)
        except MarketDataError as error:
            errors.append(str(error))
    before = _number(request.GET.get("before") or "0", "before", errors)
    listed = history.newest_first(name, most=PER_PAGE + 2, before=before)
    shown = revision_rows(listed)[: PER_PAGE + 1][:PER_PAGE]
    newest = history.newest(name)
    context = {
        "title": f"Revisions of {name}",
        "service": name,
        "newest": newest,
        "revisions": shown,
        "older": shown[-1].revision.number if len(listed) > PER_PAGE else 0,
        "errors": errors,
        "from": request.GET.get("from", ""),
        "to": request.GET.get("to", ""),
        "at": request.GET.get("at", ""),
        **asked,
    }
    status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
    return pages.page(request, site, "admin/operations/revisions.html", context, status)


@require_http_methods(["GET", "HEAD", "POST"])
def restore_page(request: HttpRequest, site: AdminSite, name: str, which: str) -> HttpResponse:
    """Show what restoring a revision changes, or do it. `which` is a number, or `last-good`."""
    steered = pages.steered_or_404(name)
    newest = history.newest(name)
    try:
        number = history.last_good(name).number if which == LAST_GOOD else _revision_number(which)
        restored: Given = history.given_at(name, number)
    except ConfigurationError as error:
        if which != LAST_GOOD:
            raise Http404(str(error)) from error
        messages.error(request, str(error))
        return redirect("admin:operations_service", name)
    reason = request.POST.get(REASON, "")
    conflict, meanwhile = "", []
    if request.method == "POST":
        actor = pages.check_may_change(request, service=name, action="restore")
        try:
            changes.restore(
                steered.name,
                number,
                actor=actor,
                reason=reason,
                expected=seen_number(request.POST),
            )
            pages.deliver_now(request)
            return redirect("admin:operations_service", name)
        except StaleRevision as stale:
            conflict, meanwhile = str(stale), [revision_row(each) for each in stale.revisions]
        except MarketDataError as error:
            conflict = str(error)
    context = {
        "title": f"Restore revision {number} of {name}" if number else f"Restore the environment of {name}",
        "service": name,
        "number": number,
        "which": str(number),
        "seen": newest.number if newest else 0,
        "differences": changed_settings(history.difference(newest.given if newest else {}, restored)),
        "reason": reason,
        "conflict": conflict,
        "meanwhile": meanwhile,
    }
    status = HTTPStatus.CONFLICT if meanwhile else HTTPStatus.BAD_REQUEST if conflict else HTTPStatus.OK
    return pages.page(request, site, "admin/operations/restore.html", context, status)


def _compared(steered: SteeredService, query: Mapping[str, str]) -> dict[str, Any]:
    if not query.get("from") and not query.get("to"):
        return {}
    first, second = (_revision_number(query.get(each, "")) for each in ("from", "to"))
    differing = history.difference(
        history.given_at(steered.name, first), history.given_at(steered.name, second)
    )
    return {"compared": (first, second), "differences": changed_settings(differing)}


def _as_of(steered: SteeredService, query: Mapping[str, str]) -> dict[str, Any]:
    if not query.get("at"):
        return {}
    instant = instant_of(query["at"])
    revision = history.as_of(steered.name, instant)
    given: Sequence[tuple[str, str]] = (
        [(name, value_text(value)) for name, value in revision.given.items()] if revision else []
    )
    return {"instant": instant, "then": revision_row(revision) if revision else None, "then_given": given}


def instant_of(text: str) -> dt.datetime:
    """The instant in a text; without an offset it is UTC.

    Raises:
        ConfigurationError: the text is no instant.
    """
    try:
        instant = dt.datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"the time is {text!r}; accepted: {INSTANTS}") from None


def _revision_number(text: str) -> int:
    errors: list[str] = []
    number = _number(text, "the revision", errors)
    if errors:
        raise ConfigurationError(errors[0])
    return number


def _number(text: str, what: str, errors: list[str]) -> int:
    """A number of a revision; 0 if it is none, and then there is an error."""
    if text.isascii() and text.isdecimal() and len(text) <= len("1000000000"):
        return int(text)
    errors.append(f"{what} is {text!r}; accepted: the number of a revision, or 0 for the environment")
    return 0
