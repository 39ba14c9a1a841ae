"""The overview of an installation: processes, stages, queues, shards, clients, reference data and jobs.

Everything here is pure, over records that were read together (`marketdata.store.process_records`). What could
not be read is named in `Overview.unread` and is None, never 0. Instants are epoch milliseconds of the cache
server's clock; an age is measured by one clock only.
"""

import datetime as dt
import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from marketdata.control.queue_books import QueueView, queue_views
from marketdata.control.stages import StageView, per_second, seconds_between, stage_views
from marketdata.errors import ContentError
from marketdata.listener.wanted import ListenerActual, read_actual
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

T = TypeVar("T")


class Life(enum.StrEnum):
    """Whether a process lives."""

    RUNNING = "running"
    SILENT = "silent"
    ENDED = "ended"


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """A process: its newest report, and what the reader knows beyond it.

    `since_ms`: of a running process its start, else its last report. `clock_offset_ms`: how far the clock of
    its host is ahead of the cache server's. `wanted_version`: of its settings; 0 if operators want nothing.
    `pending_since_ms`: since which reading it applies an older version and does not refuse that; else 0.
    """

    report: ProcessReport
    life: Life
    since_ms: int
    age_ms: int
    clock_offset_ms: int
    wanted_version: int = 0
    pending_since_ms: int = 0


class ShardView(msgspec.Struct, frozen=True, kw_only=True):
    """A shard: who owns it, and how fresh it is. `owners` has more than one name only by a defect.

    `handovers`: within the last day. `tick_age_ms`: None if no process has published a tick.
    """

    shard: int
    owners: Sequence[str]
    owned_since_ms: int
    handovers: int
    rows: int
    tick_age_ms: int | None
    ticks_per_second: float | None = None
    market_time_ms: int = 0
    clock_failure: str = ""


class ClientsView(msgspec.Struct, frozen=True, kw_only=True):
    """The clients of all running web processes. `data_states`: state -> how many web processes show it."""

    connections: int
    subscriptions: int
    blocked: int
    bytes_per_second: float | None
    data_states: Mapping[str, int]
    data_detail: str
    data_age_ms: int | None


class ReferenceView(msgspec.Struct, frozen=True, kw_only=True):
    """The stored reference data. `date`: its trading day, empty if there is none. `missing`: its flaws.

    `load`, `load_error`: phase of the newest load, and why it failed.
    """

    date: str = ""
    loaded_ms: int = 0
    missing: Sequence[str] = ()
    load: str = ""
    load_error: str = ""
    symbols: int = 0


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled job. `last_outcome`: the first line of the newest outcome; `succeeded` None before it.

    `failures`: how many of the newest runs failed in a row. Times are by the database's clock: `late_seconds`
    is how long ago the next run was due, 0 if it is not.
    """

    name: str
    last_ms: int = 0
    succeeded: bool | None = None
    last_outcome: str = ""
    next_ms: int = 0
    late_seconds: int = 0
    failures: int = 0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one reading. `unread`: source -> why it could not be read.

    `trading_date`: the trading day of the newest market time in any shard; empty if unknown.
    """

    read_at_ms: int
    processes: Sequence[ProcessView] = ()
    stages: Sequence[StageView] = ()
    queues: Sequence[QueueView] = ()
    shards: Sequence[ShardView] = ()
    clients: ClientsView | None = None
    feed: ListenerActual | None = None
    reference: ReferenceView | None = None
    jobs: Sequence[JobView] | None = None
    trading_date: str = ""
    unread: Mapping[str, str] = {}

    @property
    def running(self) -> Sequence[ProcessView]:
        """The processes that live."""
        return [each for each in self.processes if each.life is Life.RUNNING]


def overview_of(
    stored: StoredOverview,
    *,
    before: Overview | None = None,
    jobs: Sequence[JobView] | None = None,
    unread: Mapping[str, str] | None = None,
) -> Overview:
    """The overview of what was read. `before` is the reading before, for rates."""
    problems = dict(unread or {})
    wanted = {service: _version_of(value) for service, value in stored.wanted.items()}
    known = {} if before is None else {view.report.identity: view for view in before.processes}
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
    earlier = {identity: view.report for identity, view in known.items()}
    shards = _shards(processes, earlier)
    return Overview(
        read_at_ms=stored.now_ms,
        processes=processes,
        stages=stage_views([view.report for view in running], earlier),
        queues=queue_views(
            [view.report for view in processes], {view.report.identity for view in running}, earlier
        ),
        shards=shards,
        clients=_clients(running, earlier),
        feed=_readable(stored.listener, read_actual, "listener", problems),
        reference=_reference(stored, problems),
        jobs=jobs,
        trading_date=_trading_date(shards),
        unread=problems,
    )


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


def _readable(
    value: bytes | None, read: Callable[[bytes], T], name: str, problems: dict[str, str]
) -> T | None:
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


def _clients(running: Sequence[ProcessView], earlier: Mapping[str, ProcessReport]) -> ClientsView | None:
    serving = [
        (view.report, clients) for view in running if (clients := view.report.status.clients) is not None
    ]
    if not serving:
        return None
    rates = [
        per_second(clients.sent_bytes, was.sent_bytes, seconds_between(report, before))
        for report, clients in serving
        if (before := earlier.get(report.identity)) is not None and (was := before.status.clients) is not None
    ]
    ages = [clients.data_age_ms for _, clients in serving if clients.data_age_ms is not None]
    details = Counter(clients.data_detail for _, clients in serving if clients.data_detail)
    return ClientsView(
        connections=sum(clients.connections for _, clients in serving),
        subscriptions=sum(clients.subscriptions for _, clients in serving),
        blocked=sum(clients.blocked for _, clients in serving),
        bytes_per_second=sum(rates) if rates else None,
        data_states=Counter(clients.data_state or "not known yet" for _, clients in serving),
        data_detail=details.most_common(1)[0][0] if details else "",
        data_age_ms=max(ages, default=None),
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
