"""The operations page of the admin: what every process does, and whether the installation is healthy.

The server renders the verdict and the tables once, so they are there without any script. Then the page's
element takes a new document each second from the feed `operations`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from asgiref.sync import async_to_sync
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketdata.control.document import InstallationReader
from marketdata.control.tables import notes, sections
from mdp_site.accounts.session_pages import page_token_subprotocol
from widgets.views import widget_config

INSTALLATION_IN_SCOPE: Final = "mdp.installation"
"""The key of the process's `InstallationReader` in the scope of each request."""


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
        "mdp_config": widget_config(page_token_subprotocol(request)),
    }
    return render(request, "admin/operations.html", context)
