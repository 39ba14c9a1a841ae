"""Reads revisions: the newest, the settings as of a time, differences, the last good one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet, Subquery

from marketdata.control import Given, RevisionOutcome
from marketdata.errors import ConfigurationError
from mdp_site.control_plane.models import Revision


class Difference(NamedTuple):
    """The value of a setting in two revisions; None is the value of the environment. No setting is null."""

    before: Any
    after: Any


def difference(before: Given, after: Given) -> Mapping[str, Difference]:
    """The settings that differ, by name."""
    names = sorted(before.keys() | after.keys())
    both = {name: Difference(before.get(name), after.get(name)) for name in names}
    return {name: each for name, each in both.items() if each.before != each.after}


def newest_of_each(services: Iterable[str]) -> dict[str, Revision]:
    """The newest revision of each service that has one, by one query."""
    newest = (Q(pk=Subquery(_of(service).values("pk")[:1])) for service in services)
    return {revision.service: revision for revision in Revision.objects.filter(reduce(or_, newest))}


def newest(service: str) -> Revision | None:
    """The newest revision of a service; None while operators gave it no settings."""
    return _of(service).first()


def revision(service: str, number: int) -> Revision:
    """The revision of this number.

    Raises:
        ConfigurationError: there is none; the message says which there are.
    """
    found = _of(service).filter(number=number).first()
    if found is None:
        latest, oldest = newest(service), _of(service).last()
        there = f"{oldest.number} to {latest.number}" if latest and oldest else "none yet"
        raise ConfigurationError(f"{service} has no revision {number}; accepted: {there}")
    return found


def own_changes(revision: Revision) -> Mapping[str, Difference]:
    """What a revision changed: its difference to the one before.

    Of the oldest one that is kept, these are all its settings: the one before is unknown.
    """
    before = _of(revision.service).filter(number__lt=revision.number).first()
    return difference(before.given if before else {}, revision.given)


def given_at(service: str, number: int) -> Given:
    """The settings of a revision; number 0 is the environment alone. Raises as `revision`."""
    given: Given = {} if number == 0 else revision(service, number).given
    return given


def as_of(service: str, instant: datetime) -> Revision | None:
    """The revision that was the newest at this instant; None: the environment alone.

    Raises:
        ConfigurationError: it is unknown, since revisions of that time are not kept any more.
    """
    found = _of(service).filter(at__lte=instant).first()
    oldest = _of(service).last()
    if found is None and oldest is not None and oldest.number > 1:
        raise ConfigurationError(
            f"the settings of {service} at {instant:%Y-%m-%d %H:%M:%S %Z} are not kept any more; accepted: a "
            f"time from {oldest.at:%Y-%m-%d %H:%M:%S} UTC"
        )
    return found


def since(service: str, number: int) -> Sequence[Revision]:
    """The revisions after this number, the oldest first."""
    return list(_of(service).filter(number__gt=number).order_by("number"))


def newest_first(service: str, *, most: int, before: int = 0) -> Sequence[Revision]:
    """The newest revisions of a service, at most so many; with `before` only those of a lower number."""
    found = _of(service).filter(number__lt=before) if before else _of(service)
    return list(found[:most])


def last_good(service: str) -> Revision:
    """The newest revision before the present one that every reporting process applied, and that differs.

    Raises:
        ConfigurationError: there is none.
    """
    present = newest(service)
    if present is not None:
        applied = _of(service).filter(number__lt=present.number, outcome=RevisionOutcome.APPLIED.value)
        for each in applied.iterator():
            if each.given != present.given:
                return each
    raise ConfigurationError(
        f"{service} has no earlier revision that every process applied and that differs; "
        "accepted: a revision by its number"
    )


def _of(service: str) -> QuerySet[Revision]:
    """The revisions of a service, the newest first. The index of service and number serves this order."""
    return Revision.objects.filter(service=service).order_by("-number")
