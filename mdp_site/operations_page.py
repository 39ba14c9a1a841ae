"""The operations page of the admin: what every process does, and whether the installation is healthy.

The server renders the verdict and the tables once, so they are there without any script. Then the page's
element takes a new document each second from the feed `operations`. It asks for the history when it begins
or goes on, and for the connections of one user when an operator searches.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec
from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from marketdata.control.connection_search import ConnectionSearch
from marketdata.control.document import InstallationReader
from marketdata.control.history_keeping import HistoryReader
from marketdata.control.tables import notes, sections
from marketdata.errors import StoreUnavailable
from mdp_site.accounts.session_pages import page_token_subprotocol
from widgets.views import widget_config

INSTALLATION_IN_SCOPE: Final = "mdp.installation"
"""The key of the process's `InstallationReader` in the scope of each request."""

HISTORY_IN_SCOPE: Final = "mdp.history"
"""The key of the process's `HistoryReader`."""

SEARCH_IN_SCOPE: Final = "mdp.search"
"""The key of the process's `ConnectionSearch`."""

LONGEST_USERNAME: Final = 150
"""That of Django's users."""


@require_safe
def operations(
    request: HttpRequest, site: AdminSite, steering: Callable[[HttpRequest], Mapping[str, Any]]
) -> HttpResponse:
    """The page. The view does not check the user: the admin site must protect it.

    `steering` gives what the page shows of services, actions and runs.

    While the database is away nobody can be identified, and the answer is that of 503.html.
    """
    reader: InstallationReader = request.scope[INSTALLATION_IN_SCOPE]  # type: ignore[attr-defined] # of ASGI
    document = async_to_sync(reader.newest)()
    context: dict[str, Any] = {
        **site.each_context(request),
        **steering(request),
        "title": "Operations",
        "verdict": document.verdict,
        "sections": sections(document.overview),
        "notes": notes(document.overview),
        "document": msgspec.to_builtins(document),
        "history_url": reverse("admin:operations_history"),
        "connections_url": reverse("admin:operations_connections"),
        "mdp_config": widget_config(page_token_subprotocol(request)),
    }
    return render(request, "admin/operations.html", context)


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The samples of the last 15 minutes, as JSON. The view does not check the user.

    503 while the cache is away.
    """
    reader: HistoryReader = request.scope[HISTORY_IN_SCOPE]  # type: ignore[attr-defined] # of ASGI
    return _answer(reader.newest)


@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """The connections of the user in the parameter `user`, in all web processes, as JSON.

    The view does not check who asks. 400 without a name, and 503 while the cache is away.
    """
    user = request.GET.get("user", "").strip()
    if not 1 <= len(user) <= LONGEST_USERNAME:
        text = f"user is {len(user)} characters long; accepted is a user's name of 1 to {LONGEST_USERNAME}"
        return JsonResponse({"error": text}, status=HTTPStatus.BAD_REQUEST)
    search: ConnectionSearch = request.scope[SEARCH_IN_SCOPE]  # type: ignore[attr-defined] # of ASGI
    return _answer(partial(search.of_user, user))


def _answer(read: Callable[[], Awaitable[Any]]) -> HttpResponse:
    try:
        value = async_to_sync(read)()
    except StoreUnavailable as error:
        return JsonResponse({"error": f"the cache is away: {error}"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return HttpResponse(msgspec.json.encode(value), content_type="application/json")
