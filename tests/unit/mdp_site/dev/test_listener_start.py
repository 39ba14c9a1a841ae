"""A demo starts with a feed, also after a run in which an operator stopped the listener."""

import pytest

from mdp_site.control_plane import changes, history
from mdp_site.dev.demo.listener_start import start_stopped_listener
from mdp_site.dev.demo.plan import START_LISTENER
from tests.support.operators import ANN

pytestmark = pytest.mark.django_db


def test_a_listener_that_was_stopped_is_started_and_keeps_its_other_settings() -> None:
    changes.change("listener", {"log_level": "ERROR"}, actor=ANN)
    changes.act("listener", "stop", actor=ANN)
    start_stopped_listener()
    newest = history.newest("listener")
    assert newest is not None
    assert newest.given == {"log_level": "ERROR", "running": True}
    assert newest.reason == "the demo starts"


def test_otherwise_there_is_no_new_revision() -> None:
    start_stopped_listener()
    assert history.newest("listener") is None
    changes.act("listener", "start", actor=ANN)
    start_stopped_listener()
    assert len(history.since("listener", 0)) == 1


def test_the_command_of_the_demo_runs_as_it_is_written() -> None:
    changes.act("listener", "stop", actor=ANN)
    exec(START_LISTENER[-1], {})  # noqa: S102 - the program that the command runs
    newest = history.newest("listener")
    assert newest is not None
    assert newest.given == {"running": True}
