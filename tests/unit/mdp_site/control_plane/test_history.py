"""Revisions are read: differences, the settings as of a time, the newest of all services."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given as examples
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from mdp_site.control_plane import changes, history
from mdp_site.control_plane.history import Difference, difference
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.services import STEERED
from tests.support.operators import ANN

GIVEN = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


def test_a_difference_has_the_changed_settings_and_null_for_the_environment() -> None:
    assert difference({"a": 1, "b": 2}, {"b": 3, "c": 4}) == {
        "a": Difference(1, None),
        "b": Difference(2, 3),
        "c": Difference(None, 4),
    }


@examples(GIVEN, GIVEN)
def test_a_difference_leads_from_one_to_the_other(before: dict[str, int], after: dict[str, int]) -> None:
    differing = difference(before, after)
    changed = {name: each.after for name, each in differing.items()}
    assert {name: value for name, value in (before | changed).items() if value is not None} == after
    assert {name: Difference(each.after, each.before) for name, each in differing.items()} == difference(
        after, before
    )


@pytest.mark.django_db
def test_the_settings_as_of_a_time_are_those_of_the_newest_revision_by_then() -> None:
    now = timezone.now()
    for number in (1, 2, 3):
        revision = changes.change("web", {"head_bytes": 2048 * number}, actor=ANN)
        Revision.objects.filter(pk=revision.pk).update(at=now - timedelta(hours=4 - number))

    def number_at(hours_ago: float) -> int:
        found = history.as_of("web", now - timedelta(hours=hours_ago))
        return found.number if found else 0

    assert [number_at(hours) for hours in (9, 3, 2.5, 2, 0)] == [0, 1, 1, 2, 3]


@pytest.mark.django_db
def test_the_newest_revisions_of_all_services_are_read_by_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for level in ("ERROR", "DEBUG"):
        changes.change("web", {"log_level": level}, actor=ANN)
    changes.change("scanner", {"log_level": "ERROR"}, actor=ANN)
    with django_assert_num_queries(1):
        newest = history.newest_of_each(STEERED)
    assert {name: each.number for name, each in newest.items()} == {"web": 2, "scanner": 1}
