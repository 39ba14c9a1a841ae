"""What is done when the database and the cache differ about the settings of a service."""

from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from marketdata.control import encode_given, read_given
from mdp_site.control_plane.decisions import NOTHING_GIVEN, Adopt, Decision, Newest, Send, Unreadable, decide
from scanners.settings import ProcessorSettings

LOUD = {"log_level": "DEBUG"}
QUIET = {"log_level": "ERROR"}
GIVEN = st.sampled_from([{}, LOUD, QUIET, {"longest_publish_interval_ms": 99}])


@pytest.mark.parametrize(
    ("newest", "record", "decision"),
    [
        (NOTHING_GIVEN, None, None),
        (Newest(2, LOUD), None, Send(encode_given(LOUD, 2))),
        (Newest(2, LOUD), encode_given(LOUD, 2), None),
        (Newest(2, LOUD), encode_given(QUIET, 1), Send(encode_given(LOUD, 2))),
        (Newest(2, LOUD), encode_given(QUIET, 2), Send(encode_given(LOUD, 2))),
        (Newest(2, LOUD), encode_given(QUIET, 3), Adopt(3, QUIET)),
        (NOTHING_GIVEN, encode_given(QUIET, 3), Adopt(3, QUIET)),
        (NOTHING_GIVEN, b'{"log_level": "ERROR"}', Adopt(1, QUIET)),
        (Newest(2, LOUD), b"rubbish", Send(encode_given(LOUD, 2))),
    ],
)
def test_the_higher_number_is_newer(newest: Newest, record: bytes | None, decision: Decision) -> None:
    assert decide(ProcessorSettings, newest, record) == decision


def test_a_record_that_nobody_can_read_stays_until_there_is_a_revision() -> None:
    assert isinstance(decide(ProcessorSettings, NOTHING_GIVEN, b"rubbish"), Unreadable)


@examples(
    st.builds(Newest, st.integers(1, 9), GIVEN) | st.just(NOTHING_GIVEN),
    st.none() | st.binary(max_size=20) | st.builds(encode_given, GIVEN, st.integers(0, 9)),
)
def test_after_at_most_two_decisions_both_sides_agree(newest: Newest, record: bytes | None) -> None:
    for _ in range(3):
        decision = decide(ProcessorSettings, newest, record)
        match decision:
            case Send(after):
                record = after
            case Adopt(number, given):
                newest = Newest(number, given)
            case _:
                break
    agreed: Any = decide(ProcessorSettings, newest, record)
    assert agreed is None or isinstance(agreed, Unreadable)
    if agreed is None and record is not None:
        assert read_given(ProcessorSettings, record) == newest
