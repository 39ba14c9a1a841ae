"""Scheduled jobs of this room, run by django-q2's workers (`manage.py qcluster`). Each is idempotent."""

import asyncio
import contextlib
import enum
import os
import socket
import time
from collections.abc import Callable
from typing import Final

import msgspec
from django.conf import settings
from django_q.models import Schedule

from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.reference.loader import Loaded, Progress, ReferenceLoader
from marketdata.reference.rest import RestSource
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease, kept
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar.exchange import exchange_calendar_around

REFERENCE_SCHEDULE: Final = "refresh reference data"
REFERENCE_INTERVAL_MINUTES: Final = 15
REFERENCE_LEASE_MS: Final = 30_000

log = get_logger(__name__)


class RefreshOutcome(enum.StrEnum):
    """What a refresh came to."""

    LOADED = "loaded"
    CURRENT = "already of the current trading day"
    BUSY = "another process is loading"


class Refreshed(msgspec.Struct, frozen=True):
    """The outcome, and with LOADED what was stored."""

    outcome: RefreshOutcome
    loaded: Loaded | None = None


class ReferenceConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Where reference data comes from and where it goes."""

    rest_url: str
    api_key: str
    cache_url: str
    key_prefix: str = ""


def reference_configuration() -> ReferenceConfiguration:
    """The configuration that the settings hold."""
    return ReferenceConfiguration(
        rest_url=settings.MASSIVE_REST_URL,
        api_key=settings.MASSIVE_API_KEY,
        cache_url=settings.MDC_URL,
        key_prefix=settings.MDC_KEY_PREFIX,
    )


def refresh_reference_data() -> str:
    """The scheduled job: load reference data unless what is stored is of the current trading day.

    Raises what `refresh` raises: django-q2 then records the failure, and the next run tries again.
    """
    refreshed = asyncio.run(refresh(reference_configuration(), only_if_stale=True))
    log.info("reference data refresh", outcome=refreshed.outcome)
    return str(refreshed.outcome)


async def refresh(
    configuration: ReferenceConfiguration,
    *,
    only_if_stale: bool,
    progress: Callable[[Progress], None] | None = None,
) -> Refreshed:
    """Load reference data for the whole market, store it and announce it; one process at a time.

    Raises:
        StoreUnavailable: the cache is away.
        ProviderUnavailable, ProviderRefused, ContentError: see `ReferenceLoader.load`.
    """
    keys = Keys(configuration.key_prefix)
    redis = connect(configuration.cache_url)
    async with (
        contextlib.aclosing(redis),
        RestSource(configuration.rest_url, configuration.api_key) as source,
    ):
        lease = Lease(redis, keys.lease("reference"), _owner(), REFERENCE_LEASE_MS)
        if not await lease.acquire():
            return Refreshed(RefreshOutcome.BUSY)
        async with kept(lease):
            loader = ReferenceLoader(source, exchange_calendar_around, progress=progress)
            stored = await SnapshotReader(redis, keys).reference()
            if only_if_stale and await loader.is_current(stored):
                return Refreshed(RefreshOutcome.CURRENT)
            with metrics.REFERENCE_LOAD_SECONDS.time():
                loaded = await loader.load()
            await BlockPublisher(redis, keys).publish_reference(
                loaded.block, tickers=loaded.tickers, volume_curve=loaded.volume_curve
            )
            metrics.REFERENCE_ROWS.set(len(loaded.block))
            return Refreshed(RefreshOutcome.LOADED, loaded)


def register_schedules(using: str = "default") -> None:
    """Enter the schedules of this room where they are missing; what an operator changed stays as it is."""
    Schedule.objects.using(using).get_or_create(
        name=REFERENCE_SCHEDULE,
        defaults={
            "func": f"{__name__}.{refresh_reference_data.__name__}",
            "schedule_type": Schedule.MINUTES,
            "minutes": REFERENCE_INTERVAL_MINUTES,
        },
    )


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{time.monotonic_ns()}"
