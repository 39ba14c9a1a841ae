"""Arguments of actions are checked as settings are: each fault is named, with what is accepted."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.control.arguments import Arguments, argument_values, checked_arguments
from marketdata.control.given import InvalidSettings
from marketdata.runtime.settings import setting


class Paint(Arguments, frozen=True, kw_only=True):
    """Arguments of an action that does not exist."""

    colour: Annotated[str, setting("The colour.", variable=None, choices=("red", "blue"))]
    coats: Annotated[int, setting("How many.", variable=None, minimum=1, maximum=9)] = 1
    note: Annotated[str, setting("Words.", variable=None, longest_characters=5)] = ""
    is_dry: Annotated[bool, setting("Whether.", variable=None)] = False


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"colour": "red"}, Paint(colour="red")),
        ({"colour": "blue", "coats": "3", "is_dry": "on"}, Paint(colour="blue", coats=3, is_dry=True)),
        ({"colour": "red", "coats": 2, "note": "wet"}, Paint(colour="red", coats=2, note="wet")),
    ],
)
def test_texts_are_converted_and_what_is_not_given_has_its_default(
    values: dict[str, object], expected: Paint
) -> None:
    assert checked_arguments(Paint, values) == expected
    assert checked_arguments(Paint, argument_values(expected)) == expected


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"colour": "one of red, blue"}),
        ({"colour": "green", "coats": "10"}, {"colour": "red, blue", "coats": "9"}),
        ({"colour": "red", "note": "much too long"}, {"note": "at most 5 characters"}),
        ({"colour": "red", "note": "a\nb"}, {"note": "one line"}),
        ({"colour": "red", "note": "a\ud800"}, {"note": "one line"}),
        ({"colour": "red", "is_dry": "perhaps"}, {"is_dry": "on or off"}),
        ({"colour": "red", "size": 1}, {"size": "size"}),
        ({"colour": None}, {"colour": "red, blue"}),
        ({"colour": "red", "coats": True}, {"coats": "1"}),
    ],
)
def test_every_fault_is_told_by_name_with_what_is_accepted(
    values: dict[str, object], wrong: dict[str, str]
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        checked_arguments(Paint, values)
    assert refused.value.errors.keys() == wrong.keys()
    for name, accepted in wrong.items():
        assert accepted in refused.value.errors[name]


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(["colour", "coats", "note", "is_dry", ""]) | st.text(), ANYTHING))
def test_any_values_are_arguments_or_refused_by_name(values: dict[str, Any]) -> None:
    errors: dict[str, str] = {}
    try:
        arguments = checked_arguments(Paint, values)
    except InvalidSettings as error:
        errors = error.errors
    else:
        assert checked_arguments(Paint, argument_values(arguments)) == arguments
        return
    assert errors
    assert errors.keys() <= values.keys() | {"colour"}
