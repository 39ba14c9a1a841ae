"""Pages with widgets, and the document of their protocol."""

import functools
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketdata.schema import BOARDS
from widgets.asyncapi import encode_document
from widgets.data_state import STATES

WEBSOCKET_PATH: Final = "/ws/"


@never_cache
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard page, with a widget for each board. `mdp_config` is the configuration of the widgets.

    The view does not check the user: the URL configuration must protect it.
    """
    return render(request, "dashboard.html", {"mdp_config": widget_config(), "boards": BOARDS})


@require_safe
def asyncapi(_request: HttpRequest) -> HttpResponse:
    """The AsyncAPI document of the WebSocket protocol that this server speaks. It contains nothing secret."""
    return HttpResponse(_document(), content_type="application/json")


@functools.cache
def _document() -> str:
    return encode_document(settings.SESSION_COOKIE_NAME)


def widget_config() -> dict[str, Any]:
    """The configuration of the widgets, as JSON values.

    `wsPath`: path of the WebSocket. `states`: by name, the texts of each state of the data. Columns and
    boards are not included: the browser code has them from the generated schema.
    """
    return {
        "wsPath": WEBSOCKET_PATH,
        "states": {
            state.value: {"label": info.label, "meaning": info.meaning, "alarm": info.alarm.value}
            for state, info in STATES.items()
        },
    }
