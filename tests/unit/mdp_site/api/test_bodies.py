"""Bodies of requests: what is not accepted is pointed to, whatever was sent."""

from typing import Any

import msgspec
import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.api.control.bodies import Body, RunWish, SettingsChange, body_of
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
