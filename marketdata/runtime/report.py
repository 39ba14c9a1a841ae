"""The report of a process: what it is, what it does, and how it fares. `reporting` stores it every second.

A report is JSON in the cache. It holds no secret. Instants are epoch milliseconds of the process's own clock.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from marketdata.errors import ContentError
from marketdata.runtime.books import Book
from marketdata.runtime.connection_report import ConnectionStatus, UserStatus

LEADER: Final = "leader"
STANDBY: Final = "standby"
PARENT: Final = "parent"


class SettingsStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which version of the wanted settings a process applies. 0 is the version of the environment.

    `refused_version`, `refusal`: the version that was refused last, and why. `is_paused`: the process does no
    work, because operators stopped its service or drained it.
    """

    applied_version: int = 0
    refused_version: int = 0
    refusal: str = ""
    is_paused: bool = False


class QueueIntake(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one owner of a shard took from one queue of it, in batches, since it took the shard.

    A listener process (`source`) numbers its batches. `numbers`: source -> the first and the newest number
    that arrived. `purged` were dropped because an operator purged the queue. `missing` never arrived: the
    listener or the broker dropped them. `again` came again, since the owner before did not acknowledge them.
    `newest_received_ns`: when the listener received the newest batch that arrived. `oldest_held_ns`: the same
    of the oldest batch that is not acknowledged; 0 if none is.
    """

    queue: str
    received: int
    expired: int = 0
    purged: int = 0
    missing: int = 0
    again: int = 0
    numbers: Mapping[str, tuple[int, int]] = {}
    newest_received_ns: int = 0
    oldest_held_ns: int = 0


class ShardStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shard of which a process is the owner, or was, or may become it.

    `owned_since_ms`: 0 unless it owns the shard. `taken`: how often it has taken it. `ticked_at_ms`: its
    newest published tick; 0 before the first. `market_time_ms`: the market's own time in it.
    `clock_failure`: why the times of the events cannot be right.
    """

    shard: int
    owned_since_ms: int = 0
    taken: int = 0
    ticks: int = 0
    ticked_at_ms: int = 0
    rows: int = 0
    market_time_ms: int = 0
    queues: Sequence[QueueIntake] = ()
    clock_failure: str = ""


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker process, as its parent knows it. `last_end`: how it ended last; empty before."""

    name: str
    state: str
    pid: int | None = None
    restarts: int = 0
    last_end: str = ""


class QueueNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """How many batches a listener has numbered for one queue of one shard, since its start."""

    queue: str
    shard: int
    numbered: int


class ListenerStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of the report that only a listener has. `source` is its name in batches.

    `dropped`: queue -> numbered batches that were never published.
    """

    source: str
    numbers: Sequence[QueueNumbers] = ()
    dropped: Mapping[str, int] = {}


class ClientsStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The clients of a web process. `blocked` do not take what waits for them.

    `data_state`, `data_detail`: the state of the data that they are shown, as in docs/protocol.md; empty
    before it is known. `data_age_ms` is None if there is no data. `data_since_ms`: since when that state is
    shown, by the clock of the process; 0 before it is known. `listed` are the connections that matter most,
    and `users` those with the most connections. `closed`: close code in words -> how many connections ended
    with it in the last 15 minutes.
    """

    connections: int = 0
    subscriptions: int = 0
    blocked: int = 0
    sent_bytes: int = 0
    data_state: str = ""
    data_detail: str = ""
    data_age_ms: int | None = None
    data_since_ms: int = 0
    listed: Sequence[ConnectionStatus] = ()
    users: Sequence[UserStatus] = ()
    closed: Mapping[str, int] = {}


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a service says of itself, at one instant.

    `progress` counts what it has completed: ticks, publications, walks. It stands still if the process is
    stuck, unless `is_idle`: nothing is due. `refused_logins`: by a web process, since its start.
    """

    role: str = ""
    progress: int = 0
    is_idle: bool = True
    settings: SettingsStatus | None = None
    books: Sequence[Book] = ()
    shards: Sequence[ShardStatus] = ()
    workers: Sequence[WorkerStatus] = ()
    listener: ListenerStatus | None = None
    clients: ClientsStatus | None = None
    refused_logins: int = 0


class UnreadyReason(msgspec.Struct, frozen=True):
    """Why something does not work, and since when this is so."""

    text: str
    since_ms: int


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest report of one process. `identity` is unique: host, process and start.

    `service` is its kind, and `name` its name in the logs, such as `processor-0`. `version`: of its software.
    `loop_lag_ms`: the longest delay of the event loop in the last seconds. `cpu_share`: used processor time
    since the report before; 1 is a whole core. `memory_limit_bytes`: 0 if unknown. `progress_at_ms`: when
    `status.progress` last changed, or nothing was due. `broken_since_ms`: name of a book that does not
    close -> since when. `facts`: what must be the same in all processes of an installation. `disputes`: a
    fact -> what the others hold. `ended_at_ms`, `end`: the last words of an orderly end. `health_address`:
    where `/healthz`, `/readyz` and `/metrics` of this process answer, `host:port`; empty if it has no
    address of its own.
    """

    identity: str
    service: str
    name: str
    host: str
    pid: int
    version: str
    started_at_ms: int
    reported_at_ms: int
    loop_lag_ms: int = 0
    cpu_share: float = 0.0
    memory_bytes: int = 0
    memory_limit_bytes: int = 0
    status: ServiceStatus = ServiceStatus()
    unready: Mapping[str, UnreadyReason] = {}
    progress_at_ms: int = 0
    broken_since_ms: Mapping[str, int] = {}
    facts: Mapping[str, str] = {}
    disputes: Mapping[str, str] = {}
    ended_at_ms: int = 0
    end: str = ""
    health_address: str = ""


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(ProcessReport)


def encode_report(report: ProcessReport) -> bytes:
    """The report as JSON that `read_report` reads."""
    return _encoder.encode(report)


def read_report(stored: bytes) -> ProcessReport:
    """The report in a stored value.

    Raises:
        ContentError: reason `process_report`; the value is not a report.
    """
    try:
        return _decoder.decode(stored)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("process_report", str(error)) from error
