"""`manage.py run_processor`: queued events in, market state in the cache out."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.observability.logs import configure_logging
from marketdata.observability.tracing import configure_tracing
from marketdata.runtime.runner import run_service
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.transport.queues import QueueLimits
from marketdata.transport.registry import create_transport
from scanners.processor import Processor
from scanners.processor.owner import ProcessorConfiguration


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

    def handle(self, *_args: Any, **options: Any) -> None:
        configure_logging("processor", settings.LOG_LEVEL, settings.LOG_FORMAT)
        try:
            processor = build_processor(parse_shards(options["shards"], settings.MDQ_SHARDS))
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        run_service(processor, health_host=options["health_host"], health_port=options["health_port"])


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


def build_processor(shards: tuple[int, ...]) -> Processor:
    """The processor as the settings describe it; nothing is connected yet.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    clock = SystemClock()
    redis = connect(settings.MDC_URL)
    keys = Keys(settings.MDC_KEY_PREFIX)
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
        configuration=ProcessorConfiguration(
            shards=shards,
            publish_interval_ms=settings.PUBLISH_INTERVAL_MS,
            prefetch=settings.PREFETCH_COUNT,
        ),
        clock=clock,
    )
