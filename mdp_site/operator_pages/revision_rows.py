"""Revisions as the pages list them: who made each, what it changed, and what became of it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from mdp_site.control_plane.history import Difference, difference, own_changes
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.presentation import value_text


class ChangedSetting(NamedTuple):
    """A setting whose value differs, as texts."""

    name: str
    before: str
    after: str


class RevisionRow(NamedTuple):
    """A revision, and what it changed."""

    revision: Revision
    changed: Sequence[ChangedSetting]


def changed_settings(differences: Mapping[str, Difference]) -> list[ChangedSetting]:
    """The differences as texts."""
    return [
        ChangedSetting(name, value_text(each.before), value_text(each.after))
        for name, each in differences.items()
    ]


def revision_row(revision: Revision) -> RevisionRow:
    """One revision."""
    return RevisionRow(revision, changed_settings(own_changes(revision)))


def revision_rows(revisions: Sequence[Revision]) -> list[RevisionRow]:
    """Consecutive revisions, the newest first. Only the oldest one needs a question to the database."""
    if not revisions:
        return []
    compared = [
        RevisionRow(newer, changed_settings(difference(older.given, newer.given)))
        for newer, older in pairwise(revisions)
    ]
    return [*compared, revision_row(revisions[-1])]
