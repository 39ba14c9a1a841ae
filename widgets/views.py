"""Pages with widgets, and the document of their protocol."""

import functools
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketdata.schema import BOARDS
from widgets.asyncapi import encode_document
from widgets.data_state import STATES

WEBSOCKET_PATH: Final = "/ws/"


@never_cache
@require_safe
def dashboard(request: HttpRequest, subprotocol_of: Callable[[HttpRequest], str]) -> HttpResponse:
    """The dashboard page, with a widget for each board. `mdp_config` is the configuration of the widgets.

    `subprotocol_of` makes the subprotocol with which this page logs in at its first WebSocket. The view does
    not check the user: the URL configuration must protect it.
    """
    config = widget_config(subprotocol_of(request))
    return render(request, "dashboard.html", {"mdp_config": config, "boards": BOARDS})


@require_safe
def asyncapi(_request: HttpRequest) -> HttpResponse:
    """The AsyncAPI document of the WebSocket protocol that this server speaks. It contains nothing secret."""
    return HttpResponse(_document(), content_type="application/json")


@functools.cache
def _document() -> str:
    return encode_document(settings.SESSION_COOKIE_NAME)


def widget_config(login_subprotocol: str) -> dict[str, Any]:
    """The configuration of the widgets, as JSON values.

    `socketUrl`: address of the WebSocket; a path if it has the origin of the page. `pageToken`: the
    subprotocol that logs in there. `pageTokenUrl`: where the page gets the next one. `states`: by name, the
    texts of each state of the data. Columns and boards are not included: the browser code has them from the
    generated schema.
    """
    return {
        "socketUrl": settings.WDS_URL or WEBSOCKET_PATH,
        "pageToken": login_subprotocol,
        "pageTokenUrl": reverse("socket_token"),
        "states": {
            state.value: {"label": info.label, "meaning": info.meaning, "alarm": info.alarm.value}
            for state, info in STATES.items()
        },
    }
