"""Connects the delivery of revisions with the database and the cache in the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from django.conf import settings

from marketdata.control import Report
from marketdata.store.connection import connect
from marketdata.store.instruction_records import InstructionRecords
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from marketdata.store.wanted_records import WantedRecords
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.action_delivery import ActionDelivery
from mdp_site.control_plane.delivery import RevisionDelivery
from mdp_site.control_plane.services import STEERED

STOP_SECONDS: Final = 2.0


@contextlib.asynccontextmanager
async def delivery() -> AsyncIterator[RevisionDelivery]:
    """The delivery between the database and the cache of the settings, with connections of its own."""
    database = DatabaseThread("revisions")
    keys = Keys(settings.MDC_KEY_PREFIX)
    try:
        async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
            followers = {
                name: steered.followers(ServiceRecords(redis, keys, name))
                for name, steered in STEERED.items()
            }
            instructions = {name: InstructionRecords(redis, keys, name) for name in STEERED}
            yield RevisionDelivery(
                WantedRecords(redis, keys, list(STEERED)),
                followers,
                ActionDelivery(instructions, database),
                database,
            )
    finally:
        with contextlib.suppress(TimeoutError):  # a database that does not answer stops no end of a process
            async with asyncio.timeout(STOP_SECONDS):
                await database.close()


async def reports_of(service: str) -> Sequence[Report]:
    """What the processes of a service report of their settings, by the cache of the settings.

    Raises:
        StoreUnavailable: the cache is away.
        ContentError: a report cannot be read.
    """
    async with contextlib.aclosing(connect(settings.MDC_URL, retries=0)) as redis:
        records = ServiceRecords(redis, Keys(settings.MDC_KEY_PREFIX), service)
        return await STEERED[service].followers(records).reports()
