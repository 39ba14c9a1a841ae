"""What an overview of an installation consists of, for the page, the command and the API.

What could not be read is named in `Overview.unread` and is None, never 0. Instants are epoch milliseconds of
the cache server's clock; an age is measured by one clock only.
"""

import enum
from collections.abc import Mapping, Sequence

import msgspec

from marketdata.control.queue_books import QueueView
from marketdata.control.set_aside import SetAsideView
from marketdata.control.stages import StageView
from marketdata.listener.wanted import ListenerActual
from marketdata.runtime.connection_report import ConnectionStatus, UserStatus
from marketdata.runtime.report import ProcessReport


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

    @property
    def is_paused(self) -> bool:
        """Whether it runs, and does no work because operators want it so."""
        settings = self.report.status.settings
        return self.life is Life.RUNNING and settings is not None and settings.is_paused

    @property
    def started_ms(self) -> int:
        """When it started, also of one that does not run any more."""
        return self.report.started_at_ms - self.clock_offset_ms


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


class ConnectionView(msgspec.Struct, frozen=True, kw_only=True):
    """A connection, and the web process that has it (`host:pid`). Its instants are of the cache."""

    process: str
    connection: ConnectionStatus


class ClientsView(msgspec.Struct, frozen=True, kw_only=True):
    """The clients of all running web processes. `data_states`: state -> how many web processes show it.

    `data_since_ms`: state -> since when the first of them shows it.
    `listed`: the connections that matter most. `users`: those with the most connections; each process names
    20, so a user with a few in each of many processes may have more than is said. `closed`: close code in
    words -> how many connections ended with it in the last 15 minutes, without processes that ended.
    """

    connections: int
    subscriptions: int
    blocked: int
    bytes_per_second: float | None
    data_states: Mapping[str, int]
    data_detail: str
    data_age_ms: int | None
    data_since_ms: Mapping[str, int] = {}
    listed: Sequence[ConnectionView] = ()
    users: Sequence[UserStatus] = ()
    closed: Mapping[str, int] = {}


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
    """A scheduled job. `job`: what the action `run_job` calls it; several schedules may have the same.

    `last_outcome`: the first line of the newest outcome; `succeeded` None before it.

    `failures`: how many of the newest runs failed in a row. Times are by the database's clock: `late_seconds`
    is how long ago the next run was due, 0 if it is not.
    """

    name: str
    job: str = ""
    last_ms: int = 0
    succeeded: bool | None = None
    last_outcome: str = ""
    next_ms: int = 0
    late_seconds: int = 0
    failures: int = 0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one reading. `unread`: source -> why it could not be read.

    `unread_since_ms`: source -> when it was read last; without those that this reader has never read.
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
    set_aside: Sequence[SetAsideView] = ()
    trading_date: str = ""
    unread: Mapping[str, str] = {}
    unread_since_ms: Mapping[str, int] = {}

    @property
    def running(self) -> Sequence[ProcessView]:
        """The processes that live."""
        return [each for each in self.processes if each.life is Life.RUNNING]

    def steered(self, service: str) -> Sequence[ProcessView]:
        """The processes of a service that live and follow its settings: not the parents of workers."""
        return [
            each
            for each in self.running
            if each.report.service == service and each.report.status.settings is not None
        ]

    def is_paused(self, service: str) -> bool:
        """Whether processes of a service live, and operators want that none of them works."""
        followers = self.steered(service)
        return bool(followers) and all(each.is_paused for each in followers)
