"""`manage.py run_processor`: queued events in, market state in the cache out."""

import os
import socket
from argparse import SUPPRESS
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.observability.logs import configure_logging
from marketdata.observability.tracing import configure_tracing, inherited_traceparent
from marketdata.runtime.runner import run_service
from marketdata.runtime.workers import WorkerPool
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.transport.queues import QueueLimits
from marketdata.transport.registry import create_transport
from scanners.management.worker_arguments import (
    WorkerPlace,
    parse_worker,
    parse_worker_count,
    worker_commands,
)
from scanners.processor import Processor
from scanners.processor.owner import ProcessorConfiguration
from scanners.processor.turn import CLAIM_TTL_MS, AnyTurn, PreferredTurn, SubstituteTurn, Turn


class Command(BaseCommand):
    help = "Turn queued events into market state in the cache, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--shards",
            default="",
            help="comma-separated shards to work on, such as 0,1 (default: all); each has one owner "
            "at a time over all processes, the others stand by",
        )
        parser.add_argument(
            "--health-host", default=settings.HEALTH_HOST, help="address of the health endpoints"
        )
        parser.add_argument(
            "--health-port",
            type=int,
            help="port of /healthz, /readyz and /metrics; 0 takes a free one; without it none are served",
        )

        parser.add_argument(
            "--workers",
            type=int,
            default=settings.PARALLELISM,
            help="run this many processes, which share the shards out (default: PARALLELISM); with more than "
            "one, this process is their parent and answers for them, and they take the health ports after "
            "its own",
        )
        parser.add_argument("--worker", default="", help=SUPPRESS)  # "0/2": what a parent starts

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            shards = parse_shards(options["shards"], settings.MDQ_SHARDS)
            place = parse_worker(options["worker"])
            if place is None and parse_worker_count(options["workers"]) > 1:
                self._run_parent(shards, options)
            else:
                self._run(shards, place, options)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error

    def _run(self, shards: tuple[int, ...], place: WorkerPlace | None, options: Mapping[str, Any]) -> None:
        service = "processor" if place is None else f"processor-{place.index}"
        configure_logging(service, settings.LOG_LEVEL, settings.LOG_FORMAT)
        processor = build_processor(shards, place)
        run_service(processor, health_host=options["health_host"], health_port=options["health_port"])

    def _run_parent(self, shards: tuple[int, ...], options: Mapping[str, Any]) -> None:
        configure_logging("processor", settings.LOG_LEVEL, settings.LOG_FORMAT)
        host, port = options["health_host"], options["health_port"]
        pool = WorkerPool(
            "processor",
            worker_commands(options["workers"], shards, health_host=host, health_port=port),
            health_host=host,
            tracing=configure_tracing("processor"),
        )
        run_service(pool, health_host=host, health_port=port, workers=pool)


def parse_shards(text: str, shard_count: int) -> tuple[int, ...]:
    """The shards that a comma-separated list names, ascending; all of them for an empty one.

    Raises:
        ConfigurationError: the list holds something else than shard numbers below `shard_count`.
    """
    if not text.strip():
        return tuple(range(shard_count))
    accepted = {str(shard): shard for shard in range(shard_count)}
    named = [part.strip() for part in text.split(",")]
    if foreign := [part for part in named if part not in accepted]:
        raise ConfigurationError(
            f"--shards {text!r}: {', '.join(map(repr, foreign))} not accepted; "
            f"accepted are the numbers 0 to {shard_count - 1}, separated by commas"
        )
    return tuple(sorted({accepted[part] for part in named}))


def build_processor(shards: tuple[int, ...], place: WorkerPlace | None = None) -> Processor:
    """The processor as the settings describe it, at its place among workers; nothing is connected yet.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    clock = SystemClock()
    redis = connect(settings.MDC_URL)
    keys = Keys(settings.MDC_KEY_PREFIX)
    owner = f"{socket.gethostname()}:{os.getpid()}:{clock.time_ns()}"

    def claim_of(shard: int) -> Lease:
        return Lease(redis, keys.lease(f"shard:{shard}"), owner, CLAIM_TTL_MS)

    return Processor(
        transport=create_transport(
            settings.MDQ_URL,
            prefix=settings.MDQ_PREFIX,
            shard_count=settings.MDQ_SHARDS,
            limits=QueueLimits(ttl_ms=settings.MARKET_DATA_MESSAGE_TTL, max_batches=settings.MDQ_MAX_BATCHES),
            clock=clock,
            publisher_confirms=settings.MDQ_PUBLISHER_CONFIRMS,
        ),
        snapshots=SnapshotReader(redis, keys),
        publisher=BlockPublisher(redis, keys),
        reference_news=AnnouncementReader(settings.MDC_URL, [keys.reference()]),
        calendar=exchange_calendar_around(clock.time_ns()),
        tracing=configure_tracing("processor"),
        started_under=inherited_traceparent(),
        turn_at=lambda shard: _turn_at(shard, shards, place, claim_of),
        configuration=ProcessorConfiguration(
            shards=shards,
            publish_interval_ms=settings.PUBLISH_INTERVAL_MS,
            prefetch=settings.PREFETCH_COUNT,
        ),
        clock=clock,
    )


def _turn_at(
    shard: int, shards: tuple[int, ...], place: WorkerPlace | None, claim_of: Callable[[int], Lease]
) -> Turn:
    if place is None:
        return AnyTurn()
    turn = PreferredTurn if place.prefers(shards.index(shard)) else SubstituteTurn
    return turn(claim_of(shard))
