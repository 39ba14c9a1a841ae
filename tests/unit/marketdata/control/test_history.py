"""A sample is small, says of what is not known that it is not known, and survives what others wrote."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from marketdata.control.document import InstallationDocument
from marketdata.control.history import (
    HISTORY_MS,
    LONGEST_NAME,
    MOST_NAMES,
    Sample,
    encode_sample,
    read_samples,
    sample_of,
)
from marketdata.control.overview import read_overview
from marketdata.control.verdict import Health, judge
from marketdata.control.views import Overview
from tests.support.installation import (
    JOBS,
    NOW_MS,
    book,
    healthy_processes,
    overview,
    replaced,
    stored,
    with_status,
)

MOST_BYTES = 2_000


def document_of(view: Overview) -> InstallationDocument:
    return InstallationDocument(judge(view), view)


def test_a_sample_has_state_rates_losses_ages_and_clients() -> None:
    before = read_overview(stored(), jobs=JOBS)
    later_ms = NOW_MS + 5_000
    counts = {"received": 2_010, "done": 2_000, "lost": {"expired": 10}}
    reports = [
        replaced(
            with_status(each, books=[book(one.name, **counts) for one in each.status.books]),
            reported_at_ms=later_ms,
            progress_at_ms=later_ms,
        )
        for each in healthy_processes().values()
    ]
    view = read_overview(stored(reports, now_ms=later_ms), before=before, jobs=JOBS).overview
    sample = sample_of(document_of(view))
    assert sample is not None
    assert sample.at_ms == later_ms
    assert sample.stages["listener events"] == (202.0, 200.0)
    assert sample.lost["expired"] == 6.0  # of listener, processor and scanner: 2 a second each; not of web
    assert sample.connections == 3
    assert sample.data_age_ms == 300
    assert sample.oldest_age_ms is not None


def test_nothing_is_known_while_the_cache_is_away() -> None:
    assert sample_of(document_of(Overview(read_at_ms=NOW_MS, unread={"cache": "away"}))) is None


def test_what_no_process_told_is_not_zero() -> None:
    view = overview(stored([healthy_processes()["jobs"]]))
    sample = sample_of(document_of(view))
    assert sample is not None
    assert (sample.connections, sample.bytes_per_second, sample.oldest_age_ms) == (None, None, None)
    assert sample.stages == {}


def test_a_sample_is_bounded_whatever_processes_report() -> None:
    odd = [book(f"{number} {'x' * 500}", lost={"why " * 200 + str(number): 1}) for number in range(200)]
    reports = [with_status(healthy_processes()["listener"], books=odd)]
    before = read_overview(stored(reports), jobs=JOBS)
    more = [msgspec.structs.replace(each, lost=dict.fromkeys(each.lost, 9)) for each in odd]
    again = [replaced(with_status(reports[0], books=more), reported_at_ms=NOW_MS + 5_000)]
    view = read_overview(stored(again, now_ms=NOW_MS + 5_000), before=before, jobs=JOBS).overview
    sample = sample_of(document_of(view))
    assert sample is not None
    assert len(sample.stages) <= MOST_NAMES
    assert len(sample.lost) <= MOST_NAMES
    assert max(map(len, [*sample.stages, *sample.lost])) <= LONGEST_NAME
    assert len(encode_sample(sample)) < MOST_BYTES


def sample_at(at_ms: int) -> bytes:
    return encode_sample(Sample(at_ms=at_ms, state=Health.HEALTHY))


def test_samples_come_in_order_once_and_of_the_last_15_minutes_only() -> None:
    ages = [0, 5_000, 5_000, 10_000, HISTORY_MS, HISTORY_MS + 1, -1]
    read = read_samples([sample_at(NOW_MS - age) for age in ages], NOW_MS)
    assert [NOW_MS - each.at_ms for each in read] == [HISTORY_MS, 10_000, 5_000, 0]


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_values_of_others_hide_no_sample(others: list[bytes]) -> None:
    read = read_samples([*others, sample_at(NOW_MS), *others], NOW_MS)
    assert [each.at_ms for each in read] == [NOW_MS]
