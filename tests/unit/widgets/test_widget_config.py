"""What the page tells its widgets."""

import json

from marketdata.store.keys import BOARDS
from mdp_site.models import User
from widgets.views import widget_config


def test_every_column_of_every_feed_is_described() -> None:
    config = json.loads(json.dumps(widget_config(User(username="ada"))))
    boards = config["feeds"]["boards"]
    assert [board["name"] for board in boards] == list(BOARDS)
    used = {name for feed in (*boards, config["feeds"]["quote"]) for name in feed["columns"]}
    assert used <= set(config["columns"])
    assert config["columns"]["pct_change"]["unit"] == "percent"
    assert config["columns"]["free_float"]["decimals"] == 0
    assert config["wsPath"] == "/ws/"


def test_a_person_is_shown_by_name_where_the_provider_gave_one() -> None:
    assert widget_config(User(username="u-17"))["user"] == "u-17"
    assert widget_config(User(username="u-17", first_name="Ada", last_name="King"))["user"] == "Ada King"
