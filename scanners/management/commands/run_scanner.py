"""`manage.py run_scanner`: reads the market state of all shards and publishes ranked boards."""

import contextlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.management.service_command import ServiceCommand
from marketdata.runtime.identity import process_identity
from marketdata.runtime.role_settings import SCANNER
from marketdata.runtime.settings import own_settings
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.instruction_records import InstructionRecords
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.service_records import InstanceRecords
from marketdata.store.snapshots import SnapshotReader
from scanners.scanner import Scanner
from scanners.scanner.service import LEASE_TTL_MS
from scanners.settings import ScannerSettings


class Command(ServiceCommand):
    service_name = "scanner"
    help = "Rank the whole market and publish the leaderboards, until SIGTERM or Ctrl-C."

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> Scanner:
        del options, stack
        return build_scanner()


def build_scanner() -> Scanner:
    """A scanner built from the settings. It opens its connections when it runs.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    source = process_identity()
    return Scanner(
        lease=Lease(redis, keys.scanner_lease(), source, LEASE_TTL_MS),
        rows_news=AnnouncementReader(
            settings.MDC_URL, [keys.rows(shard) for shard in range(settings.MDQ_SHARDS)]
        ),
        snapshots=SnapshotReader(redis, keys),
        publisher=BlockPublisher(redis, keys),
        keys=keys,
        shard_count=settings.MDQ_SHARDS,
        clock=SystemClock(),
        records=InstanceRecords(redis, keys, SCANNER, source),
        instructions=InstructionRecords(redis, keys, SCANNER),
        own_settings=own_settings(ScannerSettings, settings.DECLARED_SETTINGS),
        source=source,
    )
