"""Brings the newest revisions from the database to the cache, and what became of them back to the database.

A revision that was saved while the cache was away is sent when the cache is back. So is one that it lost.
"""

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Final, Protocol

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.utils import timezone

from marketdata.control import Followers, Given, RevisionOutcome
from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.action_delivery import ActionDelivery
from mdp_site.control_plane.actors import CACHE
from mdp_site.control_plane.audit import note
from mdp_site.control_plane.decisions import NOTHING_GIVEN, Adopt, Newest, Send, Unreadable, decide
from mdp_site.control_plane.due import Due
from mdp_site.control_plane.history import difference, newest, newest_of_each
from mdp_site.control_plane.models import Revision
from mdp_site.control_plane.outcomes import overtake, settle
from mdp_site.control_plane.services import STEERED

INTERVAL_SECONDS: Final = 2.0
PENDING_INTERVAL_SECONDS: Final = 0.5
"""While an operator waits for an outcome."""
WAITED_FOR_SECONDS: Final = 30.0
"""For so long an operator waits for the outcome of a revision. It may stay pending for hours: while no
process of the service runs."""
ADOPTED: Final = "found in the cache, newer than the database"

log = get_logger(__name__)


class WantedOfServices(Protocol):
    """The records of the services; see `marketdata.store.wanted_records`. Both raise `StoreUnavailable`."""

    async def read(self) -> Mapping[str, bytes | None]:
        """The record of each service; None where there is none."""

    async def replace(self, service: str, before: bytes | None, after: bytes) -> bool:
        """Store and announce a record if the stored one is still `before`; False if it is not."""


class RevisionDelivery:
    """Compares database and cache, for all services at once.

    Several processes may do so side by side: a record is replaced only if it is still the one that was read,
    and a number can be stored only once.

    Concurrency: for one event loop. `database` has a connection for it.
    """

    def __init__(
        self,
        records: WantedOfServices,
        followers: Mapping[str, Followers],
        actions: ActionDelivery,
        database: DatabaseThread,
    ) -> None:
        self._records = records
        self.followers: Final = followers
        self._actions = actions
        self._database = database
        self._log = RateLimitedLog(log)

    async def run(self, due: Due) -> None:
        """Compare again and again until cancelled. While database or cache is away, nothing changes."""
        while True:
            interval_seconds = INTERVAL_SECONDS
            try:
                if await self.once():
                    interval_seconds = PENDING_INTERVAL_SECONDS
            except StoreUnavailable as error:
                self._log.warning("revisions not sent", reason="store_unavailable", error=str(error))
            except (DatabaseError, InterfaceError) as error:
                self._log.warning(
                    "revisions not read", reason="database_unavailable", error=type(error).__name__
                )
            await due.wait(interval_seconds)

    async def once(self) -> bool:
        """Send what the cache lacks, adopt what the database lacks, and store what became of it.

        Returns whether an operator waits for an outcome.

        Raises:
            StoreUnavailable: the cache is away.
            DatabaseError, InterfaceError: the database is away.
        """
        is_waited_for = await self._actions.once()
        # The cache is read first: what is there by now was in the database before. So a revision that is
        # saved and sent between the two looks is never taken for a stranger's.
        records = await self._records.read()
        revisions = await self._database.run(partial(newest_of_each, STEERED))
        for service, record in records.items():
            revision = revisions.get(service)
            held = NOTHING_GIVEN if revision is None else Newest(revision.number, revision.given)
            match decide(STEERED[service].kind, held, record):
                case Send(after):
                    if await self._records.replace(service, record, after):
                        log.info("revision sent", service_name=service, revision=held.number)
                case Adopt(number, given):
                    await self._database.run(partial(adopt, service, number, given))
                case Unreadable(error):
                    self._log.warning(
                        "wanted settings unreadable", reason=service, service_name=service, error=error
                    )
                case None:
                    pass
            if revision is not None and revision.outcome == RevisionOutcome.PENDING:
                await self._follow(revision)
                is_waited_for |= timezone.now() - revision.at < dt.timedelta(seconds=WAITED_FOR_SECONDS)
        return is_waited_for

    async def _follow(self, revision: Revision) -> None:
        try:
            effect = await self.followers[revision.service].effect(revision.number)
        except ContentError as error:
            self._log.warning("report unreadable", reason=revision.service, error=str(error))
            return
        if effect.outcome is not RevisionOutcome.PENDING or effect.explanation != revision.outcome_text:
            await self._database.run(partial(settle, revision.service, revision.number, effect))


def adopt(service: str, number: int, given: Given) -> None:
    """Store a revision by `cache`, unless another process has stored one of this number meanwhile."""
    before = newest(service)
    differing = difference(before.given if before else {}, given)
    try:
        with transaction.atomic():
            overtake(service, number)
            Revision.objects.create(
                service=service, number=number, given=dict(given), who=CACHE.who, reason=ADOPTED
            )
            note(
                CACHE,
                service=service,
                action="adopted",
                revision=number,
                before={name: each.before for name, each in differing.items()},
                after={name: each.after for name, each in differing.items()},
                reason=ADOPTED,
                result="stored",
            )
    except IntegrityError:
        return
    log.warning("revision adopted from the cache", service_name=service, revision=number)
