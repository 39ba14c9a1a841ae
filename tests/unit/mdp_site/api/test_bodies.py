"""Bodies of requests: what is not accepted is pointed to, whatever was sent."""

from typing import Any

import msgspec
import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.api.control.bodies import Body, RunWish, SettingsChange, body_of, check_body
from mdp_site.api.problems import Problem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def problem_of(data: bytes, kind: type[Body]) -> Problem | None:
    """The problem of a request with this body; None if it is accepted."""
    request: Any = RequestFactory().patch("/", data, content_type="application/json")
    try:
        body_of(request, kind)
    except Problem as problem:
        return problem
    return None


@given(st.binary(max_size=200) | JSON.map(msgspec.json.encode))
def test_any_body_is_read_or_a_problem_that_points_into_it(data: bytes) -> None:
    for kind in (SettingsChange, RunWish):
        problem = problem_of(data, kind)
        if problem is not None:
            assert problem.code in {"bad_request", "invalid_parameter"}
            assert all(fault.pointer.startswith("#/body") for fault in problem.faults)


@pytest.mark.parametrize("depth", [50, 5_000, 100_000])
def test_a_body_that_is_nested_deeply_is_a_problem(depth: int) -> None:
    data = b'{"settings":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    problem = problem_of(data, SettingsChange)
    if depth == 50:
        assert problem is None
    else:
        assert problem is not None
        assert problem.code in {"bad_request", "invalid_parameter"}


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (b'{"settings":{"keep_backups":1e400}}', "#/body/settings"),
        (b'{"settings":{"a":{"b":[1e400]}}}', "#/body/settings"),
        (b'{"settings":{},"reason":5}', "#/body/reason"),
        (b'{"settings":{},"x/y":5}', "#/body/x~1y"),
    ],
)
def test_a_problem_points_to_the_narrowest_place_that_is_known(data: bytes, pointer: str) -> None:
    problem = problem_of(data, SettingsChange)
    assert problem is not None
    assert [fault.pointer for fault in problem.faults] == [pointer]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"settings":{"a":1},"settings":{"a":2}}', "settings"),
        (b'{"settings":{"a":1,"b":2,"\\u0061":3}}', "a"),
        (b'{"settings":{"a":[{"c":1,"c":1}]}}', "c"),
    ],
)
def test_a_name_that_is_there_twice_is_refused_since_readers_differ_about_its_value(
    data: bytes, name: str
) -> None:
    problem = problem_of(data, SettingsChange)
    assert problem is not None
    assert problem.code == "invalid_parameter"
    assert problem.detail == f"body: {name!r} is there twice; accepted: once"


@pytest.mark.parametrize("length_bytes", [65_537, 3_000_000])
def test_a_body_that_is_too_long_is_a_problem_also_if_django_does_not_read_it(length_bytes: int) -> None:
    request: Any = RequestFactory().patch("/", b"x" * length_bytes, content_type="application/json")
    with pytest.raises(Problem, match="accepted: at most 65536") as raised:
        check_body(request)
    assert raised.value.code == "too_large"
