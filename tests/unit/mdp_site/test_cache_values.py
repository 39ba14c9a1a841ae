"""What the pages' cache stores is data, and what it cannot read is not there."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.cache import DataSerializer, UnreadableValueError

SERIALIZER = DataSerializer()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(DATA)
def test_data_comes_back_as_it_was(value: Any) -> None:
    assert SERIALIZER.loads(SERIALIZER.dumps(value)) == value


@given(st.integers())
def test_a_whole_number_is_stored_as_its_digits(number: int) -> None:
    assert SERIALIZER.dumps(number) == str(number).encode()


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        [(1,)],
        {1: "a"},
        {"a"},
        object(),
        dt.datetime(2026, 1, 5, tzinfo=dt.UTC),
        b"bytes",
        float("nan"),
    ],
)
def test_what_would_come_back_changed_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="the cache holds data only"):
        SERIALIZER.dumps(value)


@given(st.binary())
def test_bytes_are_read_as_data_or_refused(stored: bytes) -> None:
    try:
        value = SERIALIZER.loads(stored)
    except UnreadableValueError:
        return
    assert isinstance(value, (type(None), bool, int, float, str, list, dict))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(UnreadableValueError):
        SERIALIZER.loads(b"[" * 1_000_000)
