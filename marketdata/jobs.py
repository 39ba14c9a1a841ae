"""The scheduled jobs of `marketdata`. django-q2 runs them (`manage.py qcluster`). All are idempotent."""

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
from marketdata.reference.state import REFERENCE_SERVICE, LoadReport, LoadState, read_load_state
from marketdata.reference.waiting import lookup_order
from marketdata.runtime.identity import lease_owner
from marketdata.runtime.leadership import Leadership, WhenUnreachable
from marketdata.store.cached_values import CachedValues
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.service_records import ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from marketdata.store.stored_reference import read_or_none, stored_reference
from marketdata.trading_calendar import TradingCalendar
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.units import NS_PER_MS

REFERENCE_SCHEDULE: Final = "refresh reference data"
REFERENCE_INTERVAL_MINUTES: Final = 15
"""Half of the period in which a trading day's data is available before the day: so it is loaded in time."""

NEWCOMERS_SCHEDULE: Final = "look up symbols without reference data"
NEWCOMERS_INTERVAL_MINUTES: Final = 1
REFERENCE_LEASE_MS: Final = 30_000

log = get_logger(__name__)


class RefreshOutcome(enum.StrEnum):
    """The outcome of a refresh."""

    LOADED = "loaded"
    CURRENT = "already of the current trading day"
    INCOMPLETE = "of the current trading day and incomplete; loaded again within the hour"
    BUSY = "another process is loading"


class Refreshed(msgspec.Struct, frozen=True):
    """The outcome of a refresh; with LOADED also the stored data."""

    outcome: RefreshOutcome
    loaded: Loaded | None = None


class SearchOutcome(enum.StrEnum):
    """The outcome of a search for symbols without reference data."""

    SEARCHED = "searched"
    NONE_MISSING = "every symbol that trades has reference data"
    NO_REFERENCE = "there is no reference data yet"
    OFF = "switched off by REFERENCE_LOOKUPS_PER_MINUTE=0"
    BUSY = "another process is loading"


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a search; with SEARCHED also counts of symbols: added, unknown, failed, left for later.

    `failure`: why the search ended early.
    """

    outcome: SearchOutcome
    added: int = 0
    unknown: int = 0
    failed: int = 0
    left: int = 0
    not_entitled: Sequence[str] = ()
    failure: str = ""


class ReferenceConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The source and the store of reference data, and the limits of the jobs.

    `shards`: number of shards of the market. `max_lookups`: most requests of one search for symbols without
    reference data. `patience_seconds`: after this time, a run repeats no failed request.
    """

    provider: str
    provider_settings: Any
    cache_url: str
    key_prefix: str = ""
    shards: int = 1
    max_lookups: int = 30
    patience_seconds: float | None = None


def reference_configuration() -> ReferenceConfiguration:
    """The configuration in the settings."""
    return ReferenceConfiguration(
        provider=settings.MARKET_DATA_PROVIDER,
        provider_settings=provider_settings(),
        cache_url=settings.MDC_URL,
        key_prefix=settings.MDC_KEY_PREFIX,
        shards=settings.MDQ_SHARDS,
        max_lookups=settings.REFERENCE_LOOKUPS_PER_MINUTE,
    )


def _job_configuration() -> ReferenceConfiguration:
    """The configuration of a job. After half of the time until a job is killed, it repeats no request."""
    patience_seconds = settings.JOBS_TIMEOUT_SECONDS / 2
    return msgspec.structs.replace(reference_configuration(), patience_seconds=patience_seconds)


def refresh_reference_data() -> str:
    """The scheduled job: load reference data unless the stored data is of the current trading day.

    Raises the errors of `refresh`. Then django-q2 records the failure, and the next run tries again.
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
    """Load reference data for the whole market, store it and announce it. One process does so at a time.

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
        lease = Lease(redis, keys.reference_lease(), lease_owner(), REFERENCE_LEASE_MS)
        async with _writer_role(lease).if_free() as ours:
            if not ours:
                return Refreshed(RefreshOutcome.BUSY)
            stored = await stored_reference(SnapshotReader(redis, keys))
            if only_if_stale and stored.block is not None:
                loader = ReferenceLoader(source, _calendar_around)
                # If it is unknown how complete the data is, load it again.
                parts, now_ms = stored.parts, time.time_ns() // NS_PER_MS
                if parts is not None and not parts.is_due(now_ms) and await loader.is_current(stored.block):
                    return Refreshed(
                        RefreshOutcome.CURRENT if parts.is_complete else RefreshOutcome.INCOMPLETE
                    )
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
    """The progress or outcome of the newest load; None if there was none lately.

    Raises:
        StoreUnavailable: the cache is away.
        ContentError: the stored value is not such a record.
    """
    async with contextlib.aclosing(connect(configuration.cache_url)) as redis:
        records = ServiceRecords(redis, Keys(configuration.key_prefix), REFERENCE_SERVICE)
        stored = await records.actual()
    return None if stored is None else read_load_state(stored)


def look_up_newcomers() -> str:
    """The scheduled job: find symbols that trade but have no reference data, and add it.

    Raises the errors of `add_newcomers`. Then django-q2 records the failure, and the next run tries again.
    """
    searched = asyncio.run(add_newcomers(_job_configuration()))
    if searched.outcome is SearchOutcome.SEARCHED:
        log.info("symbols without reference data looked up", **msgspec.structs.asdict(searched))
    return str(searched.outcome)


async def add_newcomers(configuration: ReferenceConfiguration) -> Searched:
    """Look up symbols that trade and are not in the reference block; store and announce the extended block.

    Raises:
        StoreUnavailable: the cache is away.
        ProviderUnavailable, ProviderRefused, ContentError: see `NewcomerSearch.look_up`.
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
        lease = Lease(redis, keys.reference_lease(), lease_owner(), REFERENCE_LEASE_MS)
        async with _writer_role(lease).if_free() as ours:
            if not ours:
                return Searched(outcome=SearchOutcome.BUSY)
            # Read again, since a load that has just ended may have added these symbols.
            stored = await reader.reference() or stored
            missing = await _missing_symbols(reader, stored, configuration.shards)
            values = CachedValues(redis, keys, lease_owner())
            parts = await read_or_none(reader.reference_parts())
            closures = parts.closures if parts is not None else ()
            found = await _look_up(missing, stored, closures, values, configuration)
            if len(found.block):
                tickers = {**(await read_or_none(reader.tickers()) or {}), **found.tickers}
                merged = merge(stored, found.block)
                await BlockPublisher(redis, keys).publish_reference(merged, tickers=tickers or None)
    return Searched(
        outcome=SearchOutcome.SEARCHED,
        added=len(found.block),
        unknown=found.unknown,
        failed=found.failed,
        left=found.left,
        not_entitled=found.not_entitled,
        failure=found.failure,
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
    """The role of the job that writes reference data. If two jobs write, they only waste requests."""
    return Leadership(lease, role="reference job", when_unreachable=WhenUnreachable.LEAD_ON)


def _source(configuration: ReferenceConfiguration) -> ReferenceService:
    return provider_plugin(configuration.provider).reference_source(
        configuration.provider_settings, patience_seconds=configuration.patience_seconds
    )


def _calendar_around(time_ns: int) -> TradingCalendar:
    return exchange_calendar_around(time_ns, settings.MARKET_HOURS)


def _count(loaded: Loaded) -> None:
    """Set the metrics of a load. A part that is complete again has no flaw in them."""
    metrics.REFERENCE_ROWS.set(len(loaded.block))
    metrics.REFERENCE_FLAWS.clear()
    for flaw in loaded.flaws:
        metrics.REFERENCE_FLAWS.labels(kind=flaw.part, reason=flaw.reason).inc()


async def _missing_symbols(reader: SnapshotReader, stored: RowBlock, shards: int) -> Sequence[str]:
    """Symbols that trade and have no row in the reference block, in the order in which to look them up."""
    rows = [await reader.rows(shard) for shard in range(shards)]
    refused = [await reader.refused(shard) for shard in range(shards)]
    return lookup_order(rows, refused, known=frozenset(stored.symbols), chance=random.SystemRandom())


_SCHEDULED: Final = (
    (REFERENCE_SCHEDULE, refresh_reference_data, REFERENCE_INTERVAL_MINUTES),
    (NEWCOMERS_SCHEDULE, look_up_newcomers, NEWCOMERS_INTERVAL_MINUTES),
)

JOBS: Final[Mapping[str, str]] = {f"{__name__}.{job.__name__}": name for name, job, _ in _SCHEDULED}
"""All jobs: dotted name -> name for operators. No other function runs, even if a schedule names it."""


def register_schedules(using: str = "default") -> None:
    """Create the missing schedules of `JOBS`. A schedule that an operator changed stays as it is.

    A new schedule runs as soon as a cluster runs. So the first start loads reference data.
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
