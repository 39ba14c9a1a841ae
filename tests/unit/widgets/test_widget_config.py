"""The configuration that the page passes to its widgets, and the widgets of the page."""

import json

from django.template.loader import render_to_string
from pytest_django import Settings

from marketdata.schema import BOARDS
from marketdata.schema.stored import SCHEMA
from widgets.data_state import STATES
from widgets.views import widget_config


def dashboard() -> str:
    return render_to_string("dashboard.html", {"mdp_config": widget_config("mdp.token.x"), "boards": BOARDS})


def test_the_widgets_are_told_the_socket_and_the_states_of_the_data() -> None:
    config = json.loads(json.dumps(widget_config("mdp.token.x")))
    assert config["socketUrl"] == "/ws/"
    assert (config["pageToken"], config["pageTokenUrl"]) == ("mdp.token.x", "/accounts/socket-token/")
    assert set(config["states"]) == {state.value for state in STATES}
    assert all(state["label"] and state["meaning"] for state in config["states"].values())


def test_the_widgets_are_told_the_socket_of_another_host(settings: Settings) -> None:
    settings.WDS_URL = "wss://feeds.example.com/ws/"
    assert widget_config("mdp.token.x")["socketUrl"] == "wss://feeds.example.com/ws/"


def test_the_dashboard_has_a_widget_for_every_board_under_its_label_and_for_every_alert() -> None:
    page = dashboard()
    places = [page.index(f'feed="{board.name}" heading="{board.label}"') for board in BOARDS]
    assert places == sorted(places), "in the order in which they are declared"
    assert [stream.feed for stream in SCHEMA.streams if f'"{stream.feed}"' not in page and stream.feed] == []
    assert page.count(" autoselect>") == 1
    assert page.count(" quiet>") == sum(board.quiet for board in BOARDS)
