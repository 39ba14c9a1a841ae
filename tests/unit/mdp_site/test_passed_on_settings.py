"""Settings that a parent passes on to its forked children."""

import logging
import multiprocessing
from multiprocessing.connection import Connection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.jobs.passed_on import CAPACITY_BYTES, PassedOn
from mdp_site.jobs_settings import JobsSettings

OWN = JobsSettings()


@pytest.fixture
def root_level() -> object:
    before = logging.root.level
    yield
    logging.root.setLevel(before)


@given(
    drained=st.lists(st.text(max_size=20), max_size=20).map(tuple),
    running=st.booleans(),
    ratio=st.floats(0, 1),
)
def test_what_is_put_is_read(drained: tuple[str, ...], running: bool, ratio: float) -> None:
    passed_on = PassedOn(OWN)
    wanted = JobsSettings(drained=drained, running=running, trace_sampling=ratio, version=3)
    passed_on.put(wanted)
    assert passed_on.current == wanted


def _answer(passed_on: PassedOn[JobsSettings], wire: Connection) -> None:
    while wire.recv():
        wire.send((passed_on.current.running, logging.root.level))


def test_a_child_sees_what_its_parent_puts_later_and_it_takes_effect_there(root_level: None) -> None:
    forked = multiprocessing.get_context("fork")
    passed_on = PassedOn(OWN)
    here, there = forked.Pipe()
    child = forked.Process(target=_answer, args=(passed_on, there))
    child.start()
    passed_on.put(JobsSettings(running=False, log_level="ERROR"))
    here.send(True)
    assert here.recv() == (False, logging.ERROR)
    here.send(False)
    child.join(20)
    assert child.exitcode == 0


def test_settings_that_are_half_written_are_not_read(root_level: None) -> None:
    passed_on = PassedOn(OWN)
    passed_on.put(JobsSettings(version=1))
    assert passed_on.current.version == 1
    head = passed_on._memory[:8]
    passed_on.put(JobsSettings(version=2))
    passed_on._memory[:8] = head  # as if the parent had written the content, and not the head yet
    assert passed_on.current.version == 1
    passed_on.put(JobsSettings(version=2))
    assert passed_on.current.version == 2


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        PassedOn(OWN).put(JobsSettings(drained=("x" * CAPACITY_BYTES,)))
