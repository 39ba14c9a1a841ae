"""What of the control plane may be deleted: the one way by which entries of the audit may go.

The triggers of the audit let an entry go only if a row of `AuditCut` says that entries of its time may, and
never one of the last 90 days. The row is made and removed in the transaction that deletes the entries and
notes the deletion in the audit. So no other program sees it, and nothing is deleted without an entry.
"""

import contextlib
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from marketdata.control import RevisionOutcome
from marketdata.errors import ConfigurationError
from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.history import last_good, newest
from mdp_site.control_plane.models import ActionRun, AuditCut, AuditEntry, Revision

AUDIT: Final = "audit"


@transaction.atomic
def forget_audit(before: datetime, *, most: int, actor: Actor) -> int:
    """Delete the oldest entries from before an instant, at most so many, and note it. Returns how many.

    Raises:
        DatabaseError: the database refuses, since entries are younger than 90 days.
    """
    old = AuditEntry.objects.filter(at__lt=before).order_by("at", "pk")
    # Of two processes at once, each takes entries that the other does not.
    chosen = list(old.select_for_update(skip_locked=True).values_list("pk", "at")[:most])
    if not chosen:
        return 0
    cut = AuditCut.objects.create(earlier_than=before)
    entries = AuditEntry.objects.filter(pk__in=[pk for pk, _ in chosen])
    count: int = QuerySet.delete(entries)[0]  # the method of AuditQuerySet refuses
    first, last = chosen[0][1], chosen[-1][1]
    note(
        actor,
        service=AUDIT,
        action="entries deleted",
        result=f"done: {count} entries from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC",
        after={"entries": count, "from": first.isoformat(), "to": last.isoformat()},
    )
    cut.delete()
    return count


def expired_revisions(before: datetime) -> QuerySet[Revision]:
    """Revisions from before an instant that nothing needs: the oldest of each service.

    The newest one stays, the last good one, each that the audit names, and all after one that stays. So the
    revisions of a service have no gap, and only the one before the oldest is unknown.
    """
    services = Revision.objects.order_by().values_list("service", flat=True).distinct()
    oldest_needed = (Q(service=each, number__lt=_first_needed(each, before)) for each in services)
    return Revision.objects.filter(reduce(or_, oldest_needed, Q(pk__in=())))


def _first_needed(service: str, before: datetime) -> int:
    """The number of the oldest revision of a service that must stay."""
    young = Revision.objects.filter(service=service, at__gte=before).aggregate(first=Min("number"))
    named = AuditEntry.objects.filter(service=service).aggregate(first=Min("revision"))
    needed: list[int] = [number for number in (young["first"], named["first"]) if number is not None]
    if (present := newest(service)) is not None:
        needed.append(present.number)
    with contextlib.suppress(ConfigurationError):  # there is no last good one
        needed.append(last_good(service).number)
    return min(needed)


def expired_actions(before: datetime) -> QuerySet[ActionRun]:
    """Actions from before an instant whose outcome is decided."""
    return ActionRun.objects.filter(at__lt=before).exclude(outcome=RevisionOutcome.PENDING.value)
