"""`manage.py run_scanner`: market state of all shards in, ranked leaderboards out."""

import os
import socket
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.observability.logs import configure_logging
from marketdata.runtime.runner import run_service
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from scanners.scanner import Scanner
from scanners.scanner.service import LEASE_TTL_MS


class Command(BaseCommand):
    help = "Rank the whole market and publish the leaderboards, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--health-host", default=settings.HEALTH_HOST, help="address of the health endpoints"
        )
        parser.add_argument(
            "--health-port",
            type=int,
            help="port of /healthz, /readyz and /metrics; 0 takes a free one; without it none are served",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        configure_logging("scanner", settings.LOG_LEVEL, settings.LOG_FORMAT)
        try:
            scanner = build_scanner()
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        run_service(scanner, health_host=options["health_host"], health_port=options["health_port"])


def build_scanner() -> Scanner:
    """The scanner as the settings describe it; nothing is connected yet.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    redis = connect(settings.MDC_URL)
    keys = Keys(settings.MDC_KEY_PREFIX)
    owner = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
    return Scanner(
        lease=Lease(redis, keys.lease("scanner"), owner, LEASE_TTL_MS),
        rows_news=AnnouncementReader(
            settings.MDC_URL, [keys.rows(shard) for shard in range(settings.MDQ_SHARDS)]
        ),
        snapshots=SnapshotReader(redis, keys),
        publisher=BlockPublisher(redis, keys),
        keys=keys,
        shard_count=settings.MDQ_SHARDS,
        clock=SystemClock(),
    )
