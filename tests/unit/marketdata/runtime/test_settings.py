"""A setting is declared once; what is read, refused and applied follows from its declaration."""

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError, ContentError
from marketdata.listener.wanted import ListenerWanted
from marketdata.runtime.live_settings import LiveSettings, read_actual
from marketdata.runtime.settings import (
    ACCEPTED_LISTS,
    Applies,
    ServiceSettings,
    declaration,
    declarations,
    encode_settings,
    one_of,
    own_settings,
    read_settings,
    setting,
    values_of,
    variables,
)
from tests.support.manual_clock import ManualClock

lamp: list[object] = []
"""What the effect of `light` was called with."""


class Oven(ServiceSettings, frozen=True, kw_only=True):
    """Settings of a service that does not exist."""

    heat: Annotated[int, setting("How hot.", variable="OVEN_HEAT", unit="°C", minimum=50, maximum=250)] = 180
    light: Annotated[bool, setting("Whether to shine.", variable="OVEN_LIGHT", effect=lamp.append)] = False
    mode: Annotated[Literal["air", "grill"], setting("How it heats.", variable="OVEN_MODE")] = "air"
    racks: Annotated[int, setting("How many.", applies=Applies.RESTART)] = 2
    programs: Annotated[tuple[str, ...], setting("What it can do.")] = ("bake", "toast")


ENVIRONMENT = {
    "OVEN_HEAT": 200,
    "OVEN_LIGHT": True,
    "OVEN_MODE": "air",
    "RACKS": 3,
    "PROGRAMS": ("bake",),
}
OWN = own_settings(Oven, ENVIRONMENT)
NAMES = ["heat", "light", "mode", "racks", "programs"]


@pytest.fixture(autouse=True)
def _lamp_without_history() -> None:
    lamp.clear()


def test_a_declaration_has_all_there_is_to_say() -> None:
    heat = declarations(Oven)["heat"]
    assert (heat.unit, heat.minimum, heat.maximum, heat.default) == ("°C", 50, 250, 180)
    assert (heat.explanation, heat.variable, heat.applies) == ("How hot.", "OVEN_HEAT", Applies.LIVE)
    assert declarations(Oven)["racks"].applies is Applies.RESTART
    assert list(declarations(Oven)) == NAMES


def test_the_variable_has_the_name_of_the_field_unless_another_one_is_given() -> None:
    assert list(variables([Oven])) == ["OVEN_HEAT", "OVEN_LIGHT", "OVEN_MODE", "RACKS", "PROGRAMS"]
    of_listener = list(variables([ListenerWanted]))
    assert of_listener == ["TRACE_SAMPLING", "LOG_LEVEL"], "the provider's settings give the target"


def test_services_may_share_a_variable_but_declare_it_alike() -> None:
    class Stove(ServiceSettings, frozen=True, kw_only=True):
        racks: Annotated[int, setting("How many plates.", applies=Applies.RESTART)] = 2

    assert variables([Oven, Oven]) == variables([Oven])
    with pytest.raises(TypeError, match="RACKS is declared in two ways"):
        variables([Oven, Stove])


def test_a_variable_without_a_default_is_a_fault_of_the_program() -> None:
    class Bare(ServiceSettings, frozen=True, kw_only=True):
        heat: Annotated[int, setting("How hot.")]

    with pytest.raises(TypeError, match="heat has an environment variable and no default"):
        declarations(Bare)


def test_the_environment_gives_the_settings_at_the_start() -> None:
    assert values_of(OWN) == dict(zip(NAMES, ENVIRONMENT.values(), strict=True))
    assert OWN.version == 0


@pytest.mark.parametrize(
    ("name", "spelled", "value"),
    [
        ("heat", "70", 70),
        ("heat", 70, 70),
        ("light", "true", True),
        ("light", "Off", False),
        ("mode", "grill", "grill"),
        ("programs", "bake, grill,", ("bake", "grill")),
        ("programs", '["a,b"]', ("a,b",)),
    ],
)
def test_a_value_is_accepted_also_as_text(name: str, spelled: object, value: object) -> None:
    assert declaration(Oven, name).checked(spelled) == value


def test_a_value_written_as_text_is_read_back() -> None:
    for name, value in values_of(OWN).items():
        declared = declaration(Oven, name)
        assert declared.checked(declared.text(value)) == value


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("heat", "49", "heat is '49'; accepted: a whole number from 50 to 250 °C"),
        ("heat", 251, "heat is 251; accepted: a whole number from 50 to 250 °C"),
        ("heat", "hot", "heat is 'hot'; accepted: a whole number from 50 to 250 °C"),
        ("heat", 1.5, "heat is 1.5; accepted: a whole number from 50 to 250 °C"),
        ("light", "perhaps", "light is 'perhaps'; accepted: on or off (also true, yes, 1; false, no, 0)"),
        (
            "programs",
            "[1]",
            f"programs is '[1]'; accepted: {ACCEPTED_LISTS}",
        ),
        ("mode", "steam", "mode is 'steam'; accepted: one of air, grill"),
    ],
)
def test_a_value_that_is_not_accepted_is_named_with_what_is(name: str, value: object, accepted: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        declaration(Oven, name).checked(value)
    assert str(caught.value) == accepted


def test_a_setting_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match="no setting 'timer'; accepted: heat, light, mode, racks, programs"
    ):
        declaration(Oven, "timer")


def test_a_field_without_a_declaration_is_a_fault_of_the_program() -> None:
    class Bare(ServiceSettings, frozen=True, kw_only=True):
        heat: int = 180

    with pytest.raises(TypeError, match="heat is not annotated"):
        declarations(Bare)


def test_what_a_record_leaves_open_is_as_the_process_started() -> None:
    wanted = read_settings(encode_settings({"version": 4, "light": False}), OWN)
    assert wanted == msgspec.structs.replace(OWN, version=4, light=False)


def test_a_name_of_a_later_release_is_left_alone() -> None:
    assert read_settings(b'{"version": 1, "timer": 5, "heat": 60}', OWN).heat == 60


@given(
    st.binary()
    | st.builds(
        msgspec.json.encode,
        st.dictionaries(
            st.sampled_from(["version", *NAMES, "timer"]),
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


def no_grill_above_200(wanted: Oven) -> None:
    if wanted.mode == "grill" and wanted.heat > 200:
        raise ConfigurationError("heat is too high for the grill; accepted: up to 200 °C")


def live_settings() -> LiveSettings[Oven]:
    return LiveSettings(OWN, source="kitchen", clock=ManualClock(time_ms=5_000), check=no_grill_above_200)


def test_code_reads_the_newest_value_and_only_a_change_has_an_effect() -> None:
    live = live_settings()
    assert live.current == OWN
    live.apply(msgspec.structs.replace(OWN, version=1, heat=60))
    live.apply(msgspec.structs.replace(OWN, version=2, heat=60, light=False))
    assert (live.current.heat, live.current.version) == (60, 2)
    assert lamp == [False]


def test_a_refused_change_changes_nothing() -> None:
    live = live_settings()
    with pytest.raises(ConfigurationError, match="heat is too high for the grill"):
        live.apply(msgspec.structs.replace(OWN, version=1, light=False, heat=250, mode="grill"))
    assert (live.current, lamp) == (OWN, [])
    live.apply(msgspec.structs.replace(OWN, version=2, mode="grill"))
    assert live.current.mode == "grill"


def test_a_setting_that_needs_a_restart_is_refused_with_the_variable_to_set() -> None:
    live = live_settings()
    with pytest.raises(ConfigurationError, match="racks changes with a restart only; set RACKS for that"):
        live.apply(msgspec.structs.replace(OWN, version=1, heat=60, light=False, racks=4))
    assert (live.current, lamp) == (OWN, [])


def test_a_report_says_what_is_applied_and_what_was_refused() -> None:
    applied = msgspec.structs.replace(OWN, version=3, heat=60)
    actual = read_actual(live_settings().report(applied, refused_version=4, refusal="too hot"))
    assert (actual.source, actual.reported_at_ms, actual.version) == ("kitchen", 5_000, 3)
    assert actual.values == {**values_of(applied), "programs": ["bake"]}
    assert (actual.refused_version, actual.refusal) == (4, "too hot")


def test_the_settings_of_the_listener_are_declared_alike() -> None:
    of_all_roles, own = ["running", "restarting"], ["feed", "market", "subscriptions"]
    assert list(declarations(ListenerWanted)) == [
        *of_all_roles,
        *own,
        "session",
        "recording",
        "trace_sampling",
        "log_level",
    ]
    assert declaration(ListenerWanted, "session").accepted == "a whole number from 0"


class Sign(ServiceSettings, frozen=True, kw_only=True):
    """Settings with accepted words, and with a text."""

    text: Annotated[str, setting("What it says.", longest_characters=5)] = ""
    lamps: Annotated[tuple[Annotated[str, one_of(["left", "right"])], ...], setting("Which shine.")] = ()


@pytest.mark.parametrize("text", ["six ch", "a\nb", "a\x1bb", "a\u2028b", "a\u202eb", "\x7f", "abc\n"])
def test_a_text_is_one_line_of_bounded_length(text: str) -> None:
    declared = declaration(Sign, "text")
    assert declared.accepted == "one line of text, of at most 5 characters"
    with pytest.raises(ConfigurationError, match="accepted: one line of text, of at most 5 characters"):
        declared.checked(text)
    with pytest.raises(ContentError):
        read_settings(encode_settings({"text": text}), Sign())
    assert declared.checked("<b>é/") == "<b>é/"


def test_a_list_with_known_words_refuses_another_and_says_which_there_are() -> None:
    declared = declaration(Sign, "lamps")
    assert (declared.accepted, declared.choices) == ("none or some of left, right", ("left", "right"))
    assert declared.checked("right,left") == ("right", "left")
    assert declared.checked("") == ()
    assert declared.text(("left", "right")) == "left,right"
    for wrong in ("up", "left,up", ["lef"], ["left\n"], [1]):
        with pytest.raises(ConfigurationError, match="accepted: none or some of left, right"):
            declared.checked(wrong)
    with pytest.raises(ContentError, match=r"left\|right"):
        read_settings(encode_settings({"lamps": ["left", "up"]}), Sign())
