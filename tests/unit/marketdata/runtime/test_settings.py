"""A setting is declared once; what is read, refused, applied and undone follows from its declaration."""

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError, ContentError
from marketdata.listener.wanted import ListenerWanted
from marketdata.runtime.live_settings import Handler, LiveSettings, read_actual
from marketdata.runtime.settings import (
    Applies,
    ServiceSettings,
    declaration,
    declarations,
    encode_settings,
    own_settings,
    read_settings,
    setting,
    values_of,
)
from tests.support.manual_clock import ManualClock


class Oven(ServiceSettings, frozen=True, kw_only=True):
    """Settings of a service that does not exist."""

    heat: Annotated[int, setting("How hot.", variable="OVEN_HEAT", unit="°C", minimum=50, maximum=250)] = 180
    light: Annotated[bool, setting("Whether to shine.", variable="OVEN_LIGHT")] = False
    mode: Annotated[Literal["air", "grill"], setting("How it heats.", variable="OVEN_MODE")] = "air"
    racks: Annotated[int, setting("How many.", variable="OVEN_RACKS", applies=Applies.RESTART)] = 2


class Environment:
    """What the environment says."""

    OVEN_HEAT, OVEN_LIGHT, OVEN_MODE, OVEN_RACKS = 200, True, "air", 3


OWN = own_settings(Oven, Environment)


def test_a_declaration_has_all_there_is_to_say() -> None:
    heat = declarations(Oven)["heat"]
    assert (heat.unit, heat.minimum, heat.maximum, heat.default) == ("°C", 50, 250, 180)
    assert (heat.explanation, heat.variable, heat.applies) == ("How hot.", "OVEN_HEAT", Applies.LIVE)
    assert declarations(Oven)["racks"].applies is Applies.RESTART
    assert list(declarations(Oven)) == ["heat", "light", "mode", "racks"]


def test_the_environment_gives_the_settings_at_the_start() -> None:
    assert values_of(OWN) == {"heat": 200, "light": True, "mode": "air", "racks": 3}
    assert OWN.version == 0


@pytest.mark.parametrize(
    ("name", "spelled", "value"),
    [("heat", "70", 70), ("heat", 70, 70), ("light", "true", True), ("mode", "grill", "grill")],
)
def test_a_value_is_accepted_also_as_text(name: str, spelled: object, value: object) -> None:
    assert declaration(Oven, name).checked(spelled) == value


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("heat", "49", "heat is '49'; accepted: a whole number from 50 to 250 °C"),
        ("heat", 251, "heat is 251; accepted: a whole number from 50 to 250 °C"),
        ("heat", "hot", "heat is 'hot'; accepted: a whole number from 50 to 250 °C"),
        ("heat", 1.5, "heat is 1.5; accepted: a whole number from 50 to 250 °C"),
        ("light", "perhaps", "light is 'perhaps'; accepted: true or false"),
        ("mode", "steam", "mode is 'steam'; accepted: one of air, grill"),
    ],
)
def test_a_value_that_is_not_accepted_is_named_with_what_is(name: str, value: object, accepted: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        declaration(Oven, name).checked(value)
    assert str(caught.value) == accepted


def test_a_setting_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match="no setting 'timer'; accepted: heat, light, mode, racks"):
        declaration(Oven, "timer")


def test_a_field_without_a_declaration_is_a_fault_of_the_program() -> None:
    class Bare(ServiceSettings, frozen=True, kw_only=True):
        heat: int = 180

    with pytest.raises(TypeError, match="heat is not annotated"):
        declarations(Bare)


def test_what_a_record_leaves_open_is_as_the_process_started() -> None:
    wanted = read_settings(encode_settings({"version": 4, "light": False}), OWN)
    assert wanted == Oven(version=4, heat=200, light=False, mode="air", racks=3)


def test_a_name_of_a_later_release_is_left_alone() -> None:
    assert read_settings(b'{"version": 1, "timer": 5, "heat": 60}', OWN).heat == 60


@given(
    st.binary()
    | st.builds(
        msgspec.json.encode,
        st.dictionaries(
            st.sampled_from(["version", "heat", "light", "mode", "racks", "timer"]),
            st.none() | st.booleans() | st.integers(-300, 300) | st.floats(allow_nan=False) | st.text(),
        ),
    )
)
def test_a_record_is_read_within_the_bounds_or_refused(stored: bytes) -> None:
    try:
        wanted = read_settings(stored, OWN)
    except ContentError as error:
        wanted, reason = OWN, error.reason
    else:
        reason = "wanted_state"
    assert reason == "wanted_state"
    assert wanted.version >= 0
    for name, value in values_of(wanted).items():
        assert declaration(Oven, name).checked(value) == value


class Panel:
    """Remembers what its handlers were given; refuses to grill."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []
        handlers: dict[str, Handler] = {
            "heat": lambda value: self.calls.append(("heat", value)),
            "light": lambda value: self.calls.append(("light", value)),
            "mode": self.set_mode,
        }
        self.live = LiveSettings(OWN, handlers, source="kitchen", clock=ManualClock(time_ms=5_000))

    def set_mode(self, mode: str) -> None:
        if mode == "grill":
            raise ConfigurationError("mode is grill; accepted: air, as the grill is broken")
        self.calls.append(("mode", mode))


def test_only_what_changes_is_handed_over() -> None:
    panel = Panel()
    panel.live.apply(msgspec.structs.replace(OWN, version=1, heat=60))
    panel.live.apply(msgspec.structs.replace(OWN, version=2, heat=60, light=False))
    assert panel.calls == [("heat", 60), ("light", False)]


def test_a_refused_change_is_undone_as_a_whole() -> None:
    panel = Panel()
    with pytest.raises(ConfigurationError, match="the grill is broken"):
        panel.live.apply(msgspec.structs.replace(OWN, version=1, heat=60, mode="grill"))
    assert panel.calls == [("heat", 60), ("heat", 200)]
    panel.live.apply(msgspec.structs.replace(OWN, version=2, heat=60))
    assert panel.calls[2:] == [("heat", 60)]


def test_a_setting_that_needs_a_restart_is_refused_with_the_variable_to_set() -> None:
    panel = Panel()
    with pytest.raises(ConfigurationError, match="racks changes with a restart only; set OVEN_RACKS"):
        panel.live.apply(msgspec.structs.replace(OWN, version=1, heat=60, racks=4))
    assert panel.calls == []


@pytest.mark.parametrize("names", [["heat", "light"], ["heat", "light", "mode", "racks"]])
def test_every_live_setting_has_a_handler_and_no_other(names: list[str]) -> None:
    with pytest.raises(TypeError, match=r"live settings and handlers differ in (mode|racks)"):
        LiveSettings(OWN, dict.fromkeys(names, print), source="kitchen", clock=ManualClock())


def test_a_report_says_what_is_applied_and_what_was_refused() -> None:
    applied = msgspec.structs.replace(OWN, version=3, heat=60)
    actual = read_actual(Panel().live.report(applied, refused_version=4, refusal="too hot"))
    assert (actual.source, actual.reported_at_ms, actual.version) == ("kitchen", 5_000, 3)
    assert actual.values == values_of(applied)
    assert (actual.refused_version, actual.refusal) == (4, "too hot")


def test_the_settings_of_the_listener_are_declared_alike() -> None:
    assert list(declarations(ListenerWanted)) == ["running", "feed", "market", "subscriptions", "session"]
    assert declaration(ListenerWanted, "session").accepted == "a whole number from 0"
