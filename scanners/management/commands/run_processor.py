"""`manage.py run_processor`: reads queued events and writes market state to the cache."""

import contextlib
from argparse import SUPPRESS
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from msgspec import structs

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.management.queue_settings import queues_by_settings
from marketdata.management.service_command import ServiceCommand
from marketdata.observability.tracing import configure_tracing, inherited_traceparent
from marketdata.runtime.identity import process_identity
from marketdata.runtime.role_settings import PROCESSOR
from marketdata.runtime.service import Service
from marketdata.runtime.settings import own_settings
from marketdata.runtime.workers import WorkerPool
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.instruction_records import InstructionRecords
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.service_records import InstanceRecords
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar.exchange import (
    exchange_calendar_around,
    read_by_child,
    sessions_around,
)
from scanners.management.worker_arguments import (
    WorkerNumber,
    parse_worker,
    parse_worker_count,
    worker_commands,
)
from scanners.processor import Processor
from scanners.processor.owner import ProcessorConfiguration
from scanners.processor.turn import CLAIM_TTL_MS, AnyTurn, PreferredTurn, SubstituteTurn, Turn
from scanners.settings import ProcessorSettings


class Command(ServiceCommand):
    service_name = "processor"
    help = "Turn queued events into market state in the cache, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--shards",
            default="",
            help="comma-separated shards to work on, such as 0,1 (default: all); over all processes, "
            "each shard has one owner at a time, and the other processes stand by",
        )
        super().add_arguments(parser)
        parser.add_argument(
            "--workers",
            type=int,
            default=settings.DECLARED_SETTINGS["PARALLELISM"],
            help="number of processes, which divide the shards among them (default: PARALLELISM); with more "
            "than one, this process is their parent and reports their health at its own port, and they use "
            "the ports after it",
        )
        parser.add_argument("--worker", default="", help=SUPPRESS)  # "0/2": set by a parent for its workers

    def log_name(self, options: Mapping[str, Any]) -> str:
        worker = parse_worker(options["worker"])
        return self.service_name if worker is None else f"{self.service_name}-{worker.index}"

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> Service:
        del stack
        shards = parse_shards(options["shards"], settings.MDQ_SHARDS)
        worker = parse_worker(options["worker"])
        if worker is None and parse_worker_count(options["workers"]) > 1:
            return build_worker_pool(shards, options)
        return build_processor(shards, worker)


def parse_shards(text: str, shard_count: int) -> tuple[int, ...]:
    """The shards in a comma-separated list, ascending. An empty list means all shards.

    Raises:
        ConfigurationError: an entry is not a shard number from 0 to `shard_count - 1`.
    """
    if not text.strip():
        return tuple(range(shard_count))
    accepted = {str(shard): shard for shard in range(shard_count)}
    named = [part.strip() for part in text.split(",")]
    if unknown := [part for part in named if part not in accepted]:
        raise ConfigurationError(
            f"--shards {text!r}: {', '.join(map(repr, unknown))} not accepted; "
            f"accepted are the numbers 0 to {shard_count - 1}, separated by commas"
        )
    return tuple(sorted({accepted[part] for part in named}))


def build_worker_pool(shards: tuple[int, ...], options: Mapping[str, Any]) -> WorkerPool:
    """The parent of the worker processes. It has not started them yet."""
    host = options["health_host"]
    return WorkerPool(
        "processor",
        worker_commands(options["workers"], shards, health_host=host, health_port=options["health_port"]),
        health_host=host,
        tracing=configure_tracing("processor"),
    )


def build_processor(shards: tuple[int, ...], worker: WorkerNumber | None = None) -> Processor:
    """A processor built from the settings. It opens its connections when it runs.

    `worker` is None for a processor that has no parent.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    clock = SystemClock()
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    owner = process_identity()
    own = own_settings(ProcessorSettings, settings.DECLARED_SETTINGS)

    def claim_of(shard: int) -> Lease:
        return Lease(redis, keys.shard_claim(shard), owner, CLAIM_TTL_MS)

    return Processor(
        transport=queues_by_settings(clock),
        snapshots=SnapshotReader(redis, keys),
        publisher=BlockPublisher(redis, keys),
        reference_news=AnnouncementReader(settings.MDC_URL, [keys.reference()]),
        calendar=exchange_calendar_around(clock.time_ns(), settings.MARKET_HOURS),
        read_sessions=lambda time_ns: sessions_around(time_ns, read=read_by_child),
        tracing=configure_tracing("processor"),
        started_under=inherited_traceparent(),
        turn_at=lambda shard: _turn_at(shard, shards, worker, claim_of),
        configuration=ProcessorConfiguration(
            shards=shards,
            batch_ttl_ms=settings.MARKET_DATA_MESSAGE_TTL,
        ),
        records=InstanceRecords(redis, keys, PROCESSOR, owner),
        instructions=InstructionRecords(redis, keys, PROCESSOR),
        own_settings=structs.replace(own, parallelism=1 if worker is None else worker.count),
        source=owner,
        clock=clock,
    )


def _turn_at(
    shard: int, shards: tuple[int, ...], worker: WorkerNumber | None, claim_of: Callable[[int], Lease]
) -> Turn:
    if worker is None:
        return AnyTurn()
    if worker.is_preferred_for(shards.index(shard)):
        return PreferredTurn(claim_of(shard), shard=shard)
    return SubstituteTurn(claim_of(shard))
