"""Pages with widgets."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketdata.schema import BOARDS
from widgets.data_state import STATES

WEBSOCKET_PATH: Final = "/ws/"


@never_cache
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard: a widget for each board; `mdp_config` is for the widgets.

    Whoever puts it at an address must let in users alone.
    """
    return render(request, "dashboard.html", {"mdp_config": widget_config(), "boards": BOARDS})


def widget_config() -> dict[str, Any]:
    """What the page hands to its widgets, as plain JSON values.

    `wsPath`; `states`: by name, the states of the data as people read them. What the browser code knows of
    columns and boards was built into it from `marketdata.schema`.
    """
    return {
        "wsPath": WEBSOCKET_PATH,
        "states": {
            state.value: {"label": info.label, "meaning": info.meaning, "alarm": info.alarm.value}
            for state, info in STATES.items()
        },
    }
