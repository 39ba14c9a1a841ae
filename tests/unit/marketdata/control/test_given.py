"""The settings that operators gave: read, changed and written without a database."""

from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from marketdata.control import InvalidSettings, changed, encode_given, read_given, settings_with
from marketdata.control.given import MAX_VERSION
from marketdata.errors import ContentError
from marketdata.listener.wanted import ListenerWanted
from scanners.settings import ProcessorSettings

VALUES = st.fixed_dictionaries(
    {},
    optional={
        "log_level": st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        "longest_publish_interval_ms": st.integers(50, 10_000),
    },
)


def test_texts_become_values_and_what_is_unset_is_left_to_the_environment() -> None:
    after = changed(ProcessorSettings, {"log_level": "ERROR"}, {"longest_publish_interval_ms": "50"})
    assert after == {"log_level": "ERROR", "longest_publish_interval_ms": 50}
    assert changed(ProcessorSettings, after, {}, unset=["log_level"]) == {"longest_publish_interval_ms": 50}


def test_lists_come_back_as_json_has_them() -> None:
    assert changed(ListenerWanted, {}, {"subscriptions": "A.*, T.*"}) == {"subscriptions": ["A.*", "T.*"]}


def test_each_value_that_is_not_accepted_is_refused_at_its_field() -> None:
    wrong = {"log_level": "LOUD", "longest_publish_interval_ms": "20", "colour": "red"} | {
        "show_test_issues": True
    }
    with pytest.raises(InvalidSettings) as refused:
        changed(ProcessorSettings, {}, wrong)
    errors = refused.value.errors
    assert errors.keys() == wrong.keys()
    assert "accepted: one of DEBUG, INFO" in errors["log_level"]
    assert "accepted: a whole number from 50 to 10000 ms" in errors["longest_publish_interval_ms"]
    assert "there is no setting 'colour'; accepted: " in errors["colour"]
    refusal = "show_test_issues changes with a restart only; set SHOW_TEST_ISSUES for that"
    assert errors["show_test_issues"] == refusal
    assert all(text in str(refused.value) for text in errors.values())


def test_a_setting_that_needs_a_restart_cannot_be_unset_either() -> None:
    with pytest.raises(InvalidSettings):
        changed(ProcessorSettings, {}, {}, unset=["show_test_issues"])


def test_names_of_another_release_are_left_out() -> None:
    assert changed(ProcessorSettings, {"of_tomorrow": 1}, {}) == {}
    assert read_given(ProcessorSettings, b'{"version": 3, "of_tomorrow": 1}') == (3, {})


@pytest.mark.parametrize(
    "record",
    [
        *(b"", b"rubbish", b"[]", b"\xff", b"null", b'"text"'),
        *(b'{"version": "3"}', b'{"version": -1}', b'{"version": true}', b'{"version": 1.5}'),
        b'{"version": 3, "log_level": "LOUD"}',
        b'{"version": 3, "longest_publish_interval_ms": "often"}',
        b'{"version": %d}' % (MAX_VERSION + 1),
    ],
)
def test_a_record_that_no_release_wrote_is_refused(record: bytes) -> None:
    with pytest.raises(ContentError, match="wanted_state"):
        read_given(ProcessorSettings, record)


@examples(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_refused(record: bytes) -> None:
    try:
        version, values = read_given(ProcessorSettings, record)
    except ContentError:
        return
    assert read_given(ProcessorSettings, encode_given(values, version)) == (version, values)


@examples(VALUES, VALUES, st.integers(0, MAX_VERSION))
def test_what_is_written_is_what_the_processes_read(
    before: dict[str, Any], changes: dict[str, Any], version: int
) -> None:
    after = changed(ProcessorSettings, before, changes)
    assert after == before | changes
    assert read_given(ProcessorSettings, encode_given(after, version)) == (version, after)
    wanted = settings_with(ProcessorSettings(), after, version=version)
    assert wanted.version == version
    assert {name: getattr(wanted, name) for name in after} == after
