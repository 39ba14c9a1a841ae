"""What commands read of a running installation."""

import contextlib
from typing import TYPE_CHECKING

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.control.overview_reading import OverviewReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from mdp_site.jobs.schedules import read_jobs
from mdp_site.service_settings import SERVICES

if TYPE_CHECKING:
    from redis.asyncio import Redis


def cache() -> "contextlib.aclosing[Redis]":
    """The cache. One that is away is not asked twice."""
    return contextlib.aclosing(connect(settings.MDC_URL, retries=0))


def overview_reader(redis: "Redis") -> OverviewReader:
    """Reads the overview of this installation."""
    return OverviewReader(
        ProcessRecords(redis, Keys(settings.MDC_KEY_PREFIX)),
        services=list(SERVICES),
        shard_count=settings.MDQ_SHARDS,
        read_jobs=read_jobs,
        clock=SystemClock(),
    )
