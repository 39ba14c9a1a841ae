"""Makes the overview of an installation from records that were read together. Pure."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from marketdata.control.client_views import clients_view, without_people
from marketdata.control.queue_books import queue_views
from marketdata.control.set_aside import set_aside_views
from marketdata.control.stages import per_second, seconds_between, stage_views
from marketdata.control.views import (
    JobView,
    Life,
    Overview,
    ProcessView,
    ReferenceView,
    ShardView,
)
from marketdata.errors import ContentError
from marketdata.listener.wanted import read_actual
from marketdata.reference.flaws import StoredParts, decode_parts
from marketdata.reference.state import LoadPhase, LoadState, read_load_state
from marketdata.runtime.report import ProcessReport, ShardStatus, read_report
from marketdata.runtime.settings import VERSION
from marketdata.store.process_records import StoredOverview, StoredReport
from marketdata.trading_calendar import SessionBoundaries
from marketdata.units import MS_PER_SECOND

SILENT_AFTER_MS: Final = 5_000
"""A process reports every second. One that is silent for so long is dead, stuck, or without the cache."""

SHARDS_FACT: Final = "number of shards"

EXCHANGE_ZONE: Final = ZoneInfo(SessionBoundaries().time_zone)

S = TypeVar("S")
T = TypeVar("T")


class Reading(msgspec.Struct, frozen=True):
    """An overview, and what the next one needs of it: by identity, a report from before its newest."""

    overview: Overview
    earlier: Mapping[str, ProcessReport] = {}


def read_overview(
    stored: StoredOverview,
    *,
    before: Reading | None = None,
    jobs: Sequence[JobView] | None = None,
    unread: Mapping[str, str] | None = None,
    unread_since_ms: Mapping[str, int] | None = None,
) -> Reading:
    """The overview of what was read. `before` is the reading before: rates need two reports of a process."""
    problems = dict(unread or {})
    wanted = {service: _version_of(value) for service, value in stored.wanted.items()}
    known = {} if before is None else {view.report.identity: view for view in before.overview.processes}
    processes = sorted(
        (
            view
            for each in stored.reports
            if (view := _process(each, stored.now_ms, wanted, known)) is not None
        ),
        key=lambda view: (view.life is not Life.RUNNING, view.report.name, -view.since_ms),
    )
    if unreadable := len(stored.reports) - len(processes):
        problems["reports"] = f"{unreadable} reports of processes cannot be read: they run other software"
    running = [each for each in processes if each.life is Life.RUNNING]
    earlier = _earlier(processes, known, {} if before is None else before.earlier)
    shards = _shards(processes, earlier)
    overview = Overview(
        read_at_ms=stored.now_ms,
        processes=[without_people(view) for view in processes],
        stages=stage_views([view.report for view in running], earlier),
        queues=queue_views(
            [view.report for view in processes],
            {view.report.identity for view in running},
            earlier,
            ages_ms={view.report.identity: view.age_ms for view in processes},
        ),
        shards=shards,
        clients=clients_view(running, earlier),
        feed=_readable(stored.listener, read_actual, "listener", problems),
        reference=_reference(stored, problems),
        jobs=jobs,
        set_aside=_readable(stored.set_aside, set_aside_views, "set-aside pieces", problems) or (),
        trading_date=_trading_date(shards),
        unread=problems,
        unread_since_ms=unread_since_ms or {},
    )
    return Reading(overview, earlier)


def _earlier(
    processes: Iterable[ProcessView],
    known: Mapping[str, ProcessView],
    before: Mapping[str, ProcessReport],
) -> Mapping[str, ProcessReport]:
    """By identity, the report that preceded the newest one, if any reading has seen it."""
    found = {}
    for view in processes:
        identity = view.report.identity
        if identity in known and known[identity].report.reported_at_ms != view.report.reported_at_ms:
            found[identity] = known[identity].report
        elif identity in before:
            found[identity] = before[identity]
    return found


def _process(
    stored: StoredReport, now_ms: int, wanted: Mapping[str, int], known: Mapping[str, ProcessView]
) -> ProcessView | None:
    try:
        report = read_report(stored.value)
    except ContentError:
        return None
    age_ms = max(0, now_ms - stored.seen_ms)
    life = Life.ENDED if report.ended_at_ms else Life.SILENT if age_ms > SILENT_AFTER_MS else Life.RUNNING
    offset_ms = report.reported_at_ms - stored.seen_ms
    settings, version = report.status.settings, wanted.get(report.service, 0)
    pending_since_ms = 0
    if settings is not None and not settings.refusal and settings.applied_version < version:
        before = known.get(report.identity)
        pending_since_ms = (before.pending_since_ms if before is not None else 0) or now_ms
    return ProcessView(
        report=report,
        life=life,
        since_ms=report.started_at_ms - offset_ms if life is Life.RUNNING else stored.seen_ms,
        age_ms=age_ms,
        clock_offset_ms=offset_ms,
        wanted_version=version if settings is not None else 0,
        pending_since_ms=pending_since_ms,
    )


def _trading_date(shards: Iterable[ShardView]) -> str:
    """The date of the newest market time, where the exchange is."""
    newest_ms = max((shard.market_time_ms for shard in shards), default=0)
    if not newest_ms:
        return ""
    return dt.datetime.fromtimestamp(newest_ms / MS_PER_SECOND, EXCHANGE_ZONE).date().isoformat()


def _version_of(wanted: bytes) -> int:
    """The version of stored settings; 0 if the value is not such a record."""
    try:
        version = msgspec.json.decode(wanted, type=dict[str, object]).get(VERSION, 0)
    except (msgspec.MsgspecError, UnicodeError):
        return 0
    return version if isinstance(version, int) else 0


def _readable(value: S | None, read: Callable[[S], T], name: str, problems: dict[str, str]) -> T | None:
    """The record in a stored value, if it can be read. If it cannot, that is added to the problems."""
    if value is None:
        return None
    try:
        return read(value)
    except ContentError as error:
        problems[name] = str(error)
        return None


def shard_count(processes: Iterable[ProcessView]) -> int:
    """The number of shards that most running processes hold; 0 if none does."""
    held = Counter(
        int(count)
        for view in processes
        if view.life is Life.RUNNING and (count := view.report.facts.get(SHARDS_FACT, "")).isdecimal()
    )
    return held.most_common(1)[0][0] if held else 0


def _shards(processes: Sequence[ProcessView], earlier: Mapping[str, ProcessReport]) -> Sequence[ShardView]:
    known: defaultdict[int, list[tuple[ProcessView, ShardStatus]]] = defaultdict(list)
    for view in processes:
        for status in view.report.status.shards:
            known[status.shard].append((view, status))
    count = max(shard_count(processes), 1 + max(known, default=-1))
    return [_shard(shard, known[shard], earlier) for shard in range(count)]


def _shard(
    shard: int,
    known: Sequence[tuple[ProcessView, ShardStatus]],
    earlier: Mapping[str, ProcessReport],
) -> ShardView:
    owners = [(view, status) for view, status in known if view.life is Life.RUNNING and status.owned_since_ms]
    # By the clock of the process: the age at its report, and the age of the report.
    ages_ms = [
        max(0, view.report.reported_at_ms - status.ticked_at_ms) + view.age_ms
        for view, status in known
        if status.ticked_at_ms
    ]
    rates = [
        per_second(status.ticks, was.ticks, seconds_between(view.report, before))
        for view, status in owners
        if (before := earlier.get(view.report.identity)) is not None
        for was in before.status.shards
        if was.shard == shard
    ]
    taken = sum(status.taken for _, status in known)
    return ShardView(
        shard=shard,
        owners=[view.report.name for view, _ in owners],
        owned_since_ms=max(
            (status.owned_since_ms - view.clock_offset_ms for view, status in owners), default=0
        ),
        handovers=max(0, taken - 1),
        rows=max((status.rows for _, status in owners), default=0),
        tick_age_ms=min(ages_ms, default=None),
        ticks_per_second=sum(rates) if rates else None,
        market_time_ms=max((status.market_time_ms for _, status in known), default=0),
        clock_failure=next((status.clock_failure for _, status in owners if status.clock_failure), ""),
    )


def _reference(stored: StoredOverview, problems: dict[str, str]) -> ReferenceView:
    parts: StoredParts | None = _readable(stored.reference_parts, decode_parts, "reference data", problems)
    load: LoadState | None = _readable(
        stored.reference_load, read_load_state, "load of reference data", problems
    )
    view = ReferenceView()
    if load is not None:
        failed = load.phase is LoadPhase.FAILED
        view = ReferenceView(
            load=load.phase.value, load_error=load.error if failed else "", symbols=load.symbols
        )
    if parts is None:
        return view
    return msgspec.structs.replace(
        view,
        date=parts.date.isoformat(),
        loaded_ms=parts.loaded_ms,
        missing=tuple(map(str, parts.flaws)),
    )
