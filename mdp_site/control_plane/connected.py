"""Connects the delivery of revisions with the database and the cache in the settings."""

import contextlib
from collections.abc import AsyncIterator

from django.conf import settings

from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from marketdata.store.wanted_records import WantedRecords
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.delivery import RevisionDelivery
from mdp_site.control_plane.services import STEERED


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
            yield RevisionDelivery(WantedRecords(redis, keys, list(STEERED)), followers, database)
    finally:
        await database.close()
