"""Decides what to do when the database and the cache differ about the settings of a service. Pure."""

from typing import NamedTuple, TypeAlias

from marketdata.control import Given, encode_given, read_given
from marketdata.errors import ContentError
from marketdata.runtime.settings import ServiceSettings


class Newest(NamedTuple):
    """The newest revision in the database; number 0 and no values while there is none."""

    number: int
    given: Given


NOTHING_GIVEN = Newest(0, {})


class Send(NamedTuple):
    """Write this record to the cache: it lacks the newest revision."""

    record: bytes


class Adopt(NamedTuple):
    """Store a revision with the settings of the cache, which are newer: of an earlier release, or since the
    backup that the database was restored from.
    """

    number: int
    given: Given


class Unreadable(NamedTuple):
    """The cache has a record that no release wrote, and the database has none to replace it."""

    error: str


Decision: TypeAlias = Send | Adopt | Unreadable | None
"""None: they agree."""


def decide(kind: type[ServiceSettings], newest: Newest, record: bytes | None) -> Decision:
    """What to do with the record of a service that declares `kind`. The higher number is newer.

    With equal numbers the database is right: it knows who made the revision.
    """
    if record is None:
        return Send(encode_given(newest.given, newest.number)) if newest.number else None
    try:
        version, given = read_given(kind, record)
    except ContentError as error:
        return Send(encode_given(newest.given, newest.number)) if newest.number else Unreadable(str(error))
    if version > newest.number or not newest.number:
        return Adopt(max(version, 1), given)
    if (version, given) != newest:
        return Send(encode_given(newest.given, newest.number))
    return None
