"""Pages with widgets."""

from typing import Any, Final

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from widgets.catalog import (
    ALERT_COLUMNS,
    ALERT_INFOS,
    BOARD_INFOS,
    COLUMNS,
    QUOTE_PATTERN,
    ROW_COLUMNS,
    STATUS_FEED,
    TAPE_COLUMNS,
    TRADES_PATTERN,
    ColumnInfo,
)
from widgets.data_state import STATES

WEBSOCKET_PATH: Final = "/ws/"


@never_cache
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard; `mdp_config` tells the widgets what there is.

    Whoever puts it at an address must let in users alone.
    """
    return render(request, "dashboard.html", {"mdp_config": widget_config(request.user)})


def widget_config(user: AbstractUser | AnonymousUser) -> dict[str, Any]:
    """What the page hands to its widgets, as plain JSON values.

    `wsPath`; `user`: a name to show; `feeds`: what can be subscribed to, with the names of each feed's
    columns; `states`: by name, the states of the data as people read them; `columns`: by name, how a column
    is called, its unit and decimals, what it says, and for a code the names of its numbers.
    """
    return {
        "wsPath": WEBSOCKET_PATH,
        "user": display_name(user),
        "feeds": {
            "boards": [
                {
                    "name": board.name,
                    "label": board.label,
                    "description": board.description,
                    "columns": list(board.columns),
                }
                for board in BOARD_INFOS.values()
            ],
            "alerts": [
                {
                    "name": alert.name,
                    "label": alert.label,
                    "description": alert.description,
                    "columns": list(ALERT_COLUMNS),
                }
                for alert in ALERT_INFOS.values()
            ],
            "quote": {"pattern": QUOTE_PATTERN, "columns": list(ROW_COLUMNS[QUOTE_PATTERN])},
            "trades": {"pattern": TRADES_PATTERN, "columns": list(TAPE_COLUMNS)},
            "status": STATUS_FEED,
        },
        "states": {
            state.value: {"label": info.label, "meaning": info.meaning, "alarm": info.alarm.value}
            for state, info in STATES.items()
        },
        "columns": {column.name: _column_config(column) for column in COLUMNS.values()},
    }


def _column_config(column: ColumnInfo) -> dict[str, Any]:
    return {
        "name": column.name,
        "label": column.label,
        "unit": column.unit.value,
        "decimals": column.decimals,
        "description": column.description,
        "names": {str(code): name for code, name in column.names.items()},
    }


def display_name(user: AbstractUser | AnonymousUser) -> str:
    """The person's name as the login provider gave it; else the user name."""
    full_name = user.get_full_name() if isinstance(user, AbstractUser) else ""
    return full_name or user.get_username()
