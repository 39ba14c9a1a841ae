"""Scheduled jobs of this room, run by django-q2's workers (`manage.py qcluster`). Each is idempotent."""

import asyncio
import contextlib
import datetime as dt
import enum
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.conf import settings
from django_q.models import Schedule

from marketdata.chosen_provider import provider_settings
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.providers.plugin import ReferenceService
from marketdata.providers.registry import provider_plugin
from marketdata.reference.cache import ReferenceCache
from marketdata.reference.keeping import keep_better, parts_of
from marketdata.reference.loader import Loaded, ReferenceLoader
from marketdata.reference.newcomers import Found, NewcomerSearch, merge
from marketdata.reference.parts import Progress
from marketdata.reference.state import LoadReport, LoadState, read_load_state
from marketdata.reference.waiting import in_turn
from marketdata.runtime.identity import process_identity
from marketdata.runtime.leadership import Leadership, WhenUnreachable
from marketdata.store.cached_values import CachedValues
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.service_records import ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from marketdata.store.stored_reference import readable, stored_reference
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import exchange_calendar_around

REFERENCE_SCHEDULE: Final = "refresh reference data"
REFERENCE_INTERVAL_MINUTES: Final = 15
"""Half of the time before a trading day in which its data can be had: it is there when the day starts."""

NEWCOMERS_SCHEDULE: Final = "look up symbols without reference data"
NEWCOMERS_INTERVAL_MINUTES: Final = 1
REFERENCE_LEASE_MS: Final = 30_000
REFERENCE_SERVICE: Final = "reference"
NS_PER_MS: Final = 1_000_000

log = get_logger(__name__)


class RefreshOutcome(enum.StrEnum):
    """What a refresh came to."""

    LOADED = "loaded"
    CURRENT = "already of the current trading day"
    RESTING = "of the current trading day and not whole; loaded again within the hour"
    BUSY = "another process is loading"


class Refreshed(msgspec.Struct, frozen=True):
    """The outcome, and with LOADED what was stored."""

    outcome: RefreshOutcome
    loaded: Loaded | None = None


class SearchOutcome(enum.StrEnum):
    """What a search for symbols without reference data came to."""

    SEARCHED = "searched"
    NONE_MISSING = "every symbol that trades has reference data"
    NO_REFERENCE = "there is no reference data yet"
    OFF = "switched off by REFERENCE_LOOKUPS_PER_MINUTE=0"
    BUSY = "another process is loading"


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome, and with SEARCHED how many symbols were added, are unknown, failed, or were left for
    later.

    `trouble` is why a search was cut short.
    """

    outcome: SearchOutcome
    added: int = 0
    unknown: int = 0
    failed: int = 0
    left: int = 0
    not_entitled: Sequence[str] = ()
    trouble: str = ""


class ReferenceConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Where reference data comes from and where it goes.

    `shards` is how many blocks of rows the market's table has; `max_lookups` bounds the requests of one
    search for symbols without reference data. After `patience_seconds` of a run nothing is asked for a second
    time.
    """

    provider: str
    provider_settings: Any
    cache_url: str
    key_prefix: str = ""
    shards: int = 1
    max_lookups: int = 30
    patience_seconds: float | None = None


def reference_configuration() -> ReferenceConfiguration:
    """The configuration that the settings hold."""
    return ReferenceConfiguration(
        provider=settings.MARKET_DATA_PROVIDER,
        provider_settings=provider_settings(),
        cache_url=settings.MDC_URL,
        key_prefix=settings.MDC_KEY_PREFIX,
        shards=settings.MDQ_SHARDS,
        max_lookups=settings.REFERENCE_LOOKUPS_PER_MINUTE,
    )


def _job_configuration() -> ReferenceConfiguration:
    """The same for a job, which is ended after a time: half of that is for asking again."""
    patience_seconds = settings.JOBS_TIMEOUT_SECONDS / 2
    return msgspec.structs.replace(reference_configuration(), patience_seconds=patience_seconds)


def refresh_reference_data() -> str:
    """The scheduled job: load reference data unless what is stored is of the current trading day.

    Raises what `refresh` raises: django-q2 then records the failure, and the next run tries again.
    """
    refreshed = asyncio.run(refresh(_job_configuration(), only_if_stale=True))
    loaded = refreshed.loaded
    flaws = () if loaded is None else tuple(map(str, loaded.flaws))
    log.info("reference data refresh", outcome=refreshed.outcome, flaws=flaws)
    return "; ".join((refreshed.outcome, *flaws))


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
        _source(configuration) as source,
    ):
        lease = Lease(redis, keys.reference_lease(), process_identity(), REFERENCE_LEASE_MS)
        async with _writer_role(lease).at_once() as ours:
            if not ours:
                return Refreshed(RefreshOutcome.BUSY)
            stored = await stored_reference(SnapshotReader(redis, keys))
            if only_if_stale and stored.block is not None:
                loader = ReferenceLoader(source, _calendar_around)
                # Where nobody knows how whole the data is, it is loaded again.
                parts, now_ms = stored.parts, time.time_ns() // NS_PER_MS
                if parts is not None and not parts.is_due(now_ms) and await loader.is_current(stored.block):
                    return Refreshed(RefreshOutcome.CURRENT if parts.is_whole else RefreshOutcome.RESTING)
            records = ServiceRecords(redis, keys, REFERENCE_SERVICE)
            async with LoadReport(records, also=progress) as report:
                loader = ReferenceLoader(source, _calendar_around, progress=report.progress)
                with metrics.REFERENCE_LOAD_SECONDS.time():
                    loaded = keep_better(await loader.load(), stored)
                await BlockPublisher(redis, keys).publish_reference(
                    loaded.block,
                    tickers=loaded.tickers,
                    volume_curve=loaded.volume_curve,
                    parts=parts_of(loaded, stored.parts, time.time_ns() // NS_PER_MS),
                )
                await report.loaded(loaded)
            _count(loaded)
            return Refreshed(RefreshOutcome.LOADED, loaded)


async def load_state(configuration: ReferenceConfiguration) -> LoadState | None:
    """How the newest load went or goes; None when there was none lately.

    Raises:
        StoreUnavailable: the cache is away.
        ContentError: foreign bytes stand in its place.
    """
    async with contextlib.aclosing(connect(configuration.cache_url)) as redis:
        records = ServiceRecords(redis, Keys(configuration.key_prefix), REFERENCE_SERVICE)
        told = await records.actual()
    return None if told is None else read_load_state(told)


def look_up_newcomers() -> str:
    """The scheduled job: find symbols that trade but have no reference data, and add what is known of them.

    Raises what `add_newcomers` raises: django-q2 then records the failure, and the next run tries again.
    """
    searched = asyncio.run(add_newcomers(_job_configuration()))
    if searched.outcome is SearchOutcome.SEARCHED:
        log.info("symbols without reference data looked up", **msgspec.structs.asdict(searched))
    return str(searched.outcome)


async def add_newcomers(configuration: ReferenceConfiguration) -> Searched:
    """Look up symbols that trade and that the reference block lacks, and announce the larger block.

    Raises:
        StoreUnavailable: the cache is away.
        ProviderUnavailable, ProviderRefused, ContentError: see `RestSource`.
    """
    if not configuration.max_lookups:
        return Searched(outcome=SearchOutcome.OFF)
    keys = Keys(configuration.key_prefix)
    async with contextlib.aclosing(connect(configuration.cache_url)) as redis:
        reader = SnapshotReader(redis, keys)
        stored = await reader.reference()
        if stored is None:
            return Searched(outcome=SearchOutcome.NO_REFERENCE)
        if not await _missing_symbols(reader, stored, configuration.shards):
            return Searched(outcome=SearchOutcome.NONE_MISSING)
        lease = Lease(redis, keys.reference_lease(), process_identity(), REFERENCE_LEASE_MS)
        async with _writer_role(lease).at_once() as ours:
            if not ours:
                return Searched(outcome=SearchOutcome.BUSY)
            # Read again: a load that has just ended may have brought them.
            stored = await reader.reference() or stored
            missing = await _missing_symbols(reader, stored, configuration.shards)
            values = CachedValues(redis, keys, process_identity())
            parts = await readable(reader.reference_parts())
            closures = parts.closures if parts is not None else ()
            found = await _look_up(missing, stored, closures, values, configuration)
            if len(found.block):
                tickers = {**(await readable(reader.tickers()) or {}), **found.tickers}
                merged = merge(stored, found.block)
                await BlockPublisher(redis, keys).publish_reference(merged, tickers=tickers or None)
    return Searched(
        outcome=SearchOutcome.SEARCHED,
        added=len(found.block),
        unknown=found.unknown,
        failed=found.failed,
        left=found.left,
        not_entitled=found.not_entitled,
        trouble=found.trouble,
    )


async def _look_up(
    symbols: Sequence[str],
    stored: RowBlock,
    closures: Sequence[dt.date],
    values: CachedValues,
    configuration: ReferenceConfiguration,
) -> Found:
    market_time_ms = stored.market_time_ms
    calendar = await asyncio.to_thread(_calendar_around, market_time_ms * NS_PER_MS)
    async with (
        _source(configuration) as source,
        ReferenceCache(values) as cache,
    ):
        search = NewcomerSearch(
            source, cache, calendar, stored, max_requests=configuration.max_lookups, closures=closures
        )
        return await search.look_up(symbols, published_ns=time.time_ns())


def _writer_role(lease: Lease) -> Leadership:
    """The role of the one job that writes reference data. Two that write lose nothing but requests."""
    return Leadership(lease, role="reference job", when_unreachable=WhenUnreachable.LEAD_ON)


def _source(configuration: ReferenceConfiguration) -> ReferenceService:
    return provider_plugin(configuration.provider).reference_source(
        configuration.provider_settings, patience_seconds=configuration.patience_seconds
    )


def _calendar_around(time_ns: int) -> TradingCalendar:
    return exchange_calendar_around(time_ns, settings.MARKET_HOURS)


def _count(loaded: Loaded) -> None:
    """The metrics of a load; a part that is whole now has none."""
    metrics.REFERENCE_ROWS.set(len(loaded.block))
    metrics.REFERENCE_FLAWS.clear()
    for flaw in loaded.flaws:
        metrics.REFERENCE_FLAWS.labels(kind=flaw.part, reason=flaw.reason).inc()


async def _missing_symbols(reader: SnapshotReader, stored: RowBlock, shards: int) -> Sequence[str]:
    """Symbols that trade and have no row in the reference block, in the order in which it is their turn."""
    rows = [await reader.rows(shard) for shard in range(shards)]
    refused = [await reader.refused(shard) for shard in range(shards)]
    return in_turn(rows, refused, known=frozenset(stored.symbols), chance=random.SystemRandom())


_SCHEDULED: Final = (
    (REFERENCE_SCHEDULE, refresh_reference_data, REFERENCE_INTERVAL_MINUTES),
    (NEWCOMERS_SCHEDULE, look_up_newcomers, NEWCOMERS_INTERVAL_MINUTES),
)

JOBS: Final[Mapping[str, str]] = {f"{__name__}.{job.__name__}": name for name, job, _ in _SCHEDULED}
"""All jobs there are: dotted name -> what it is called. No other one runs, whatever a schedule names."""


def register_schedules(using: str = "default") -> None:
    """Enter the schedules of this room where they are missing; what an operator changed stays as it is.

    A schedule that is entered anew runs as soon as a cluster does: that is the load at the first start.
    """
    for name, job, minutes in _SCHEDULED:
        Schedule.objects.using(using).get_or_create(
            name=name,
            defaults={
                "func": f"{__name__}.{job.__name__}",
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
            },
        )
