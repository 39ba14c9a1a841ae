"""Each service that declares settings can be steered, and starts from what its processes accept."""

import pytest

from marketdata.control import InvalidSettings, changed
from marketdata.control.overview import read_overview
from marketdata.runtime.settings import declarations
from marketdata.store.process_records import StoredOverview
from mdp_site.control_plane.actions.running import prepared
from mdp_site.control_plane.services import STEERED
from mdp_site.service_settings import SERVICES


def test_every_service_with_settings_can_be_steered() -> None:
    assert {name: steered.kind for name, steered in STEERED.items()} == dict(SERVICES)


@pytest.mark.parametrize("name", STEERED)
def test_the_settings_of_the_environment_are_accepted_by_the_check_of_their_service(name: str) -> None:
    steered = STEERED[name]
    wanted = steered.wanted({}, version=0)
    assert type(wanted) is steered.kind
    steered.check(wanted)


@pytest.mark.parametrize("name", STEERED)
def test_an_action_changes_declared_settings_to_accepted_values(name: str) -> None:
    steered = STEERED[name]
    for make in steered.actions.values():
        for given in ({}, {"running": False, "session": 3}):
            changes = make(given, "host:1:2")
            for setting, value in changes.items():
                declarations(steered.kind)[setting].checked(value)


@pytest.mark.parametrize("name", STEERED)
def test_each_service_can_be_stopped_and_started_also_where_none_of_its_processes_runs(name: str) -> None:
    nothing = read_overview(
        StoredOverview(
            now_ms=1, reports=[], wanted={}, listener=None, reference_parts=None, reference_load=None
        )
    ).overview
    for action in ("stop", "start"):
        wish = prepared(action, {"service": name}, nothing)
        assert wish.service == name
        assert wish.impact


def test_a_number_of_processes_is_changed_with_a_restart_only() -> None:
    for service, setting, variable in (
        ("processor", "parallelism", "PARALLELISM"),
        ("web", "workers", "WEB_WORKERS"),
    ):
        with pytest.raises(InvalidSettings, match=f"set {variable} for that"):
            changed(STEERED[service].kind, {}, {setting: "2"})
