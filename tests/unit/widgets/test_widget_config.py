"""What the page tells its widgets."""

import json
from pathlib import Path

import widgets
from marketdata.store.keys import BOARDS
from mdp_site.accounts.models import User
from widgets.catalog import ALERT_INFOS, BOARD_INFOS
from widgets.views import widget_config


def test_every_column_of_every_feed_is_described() -> None:
    config = json.loads(json.dumps(widget_config(User(username="ada"))))
    boards = config["feeds"]["boards"]
    assert [board["name"] for board in boards] == list(BOARDS)
    feeds = (*boards, *config["feeds"]["alerts"], config["feeds"]["quote"], config["feeds"]["trades"])
    used = {name for feed in feeds for name in feed["columns"]}
    assert used <= set(config["columns"])
    assert config["columns"]["pct_change"]["unit"] == "percent"
    assert config["columns"]["free_float"]["decimals"] == 0
    assert config["columns"]["is_halted"]["names"] == {"0": "no", "1": "yes"}
    assert config["wsPath"] == "/ws/"


def test_the_dashboard_has_a_place_for_every_board_and_alert() -> None:
    page = (Path(widgets.__file__).parents[1] / "templates" / "dashboard.html").read_text()
    missing = [name for name in (*BOARD_INFOS, *ALERT_INFOS) if f'"{name}"' not in page]
    assert missing == []


def test_a_person_is_shown_by_name_where_the_provider_gave_one() -> None:
    assert widget_config(User(username="u-17"))["user"] == "u-17"
    assert widget_config(User(username="u-17", first_name="Ada", last_name="King"))["user"] == "Ada King"
