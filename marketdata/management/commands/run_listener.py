"""`manage.py run_listener`: receives the provider's feed and publishes its events to the queues."""

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from msgspec import structs

from marketdata.chosen_provider import chosen_provider, provider_settings
from marketdata.clock import SystemClock
from marketdata.listener import Listener
from marketdata.listener.role import LEASE_TTL_MS
from marketdata.listener.wanted import SERVICE
from marketdata.management.queue_settings import queues_by_settings
from marketdata.management.recording_options import add_recording_options, recorder_config
from marketdata.management.service_command import ServiceCommand
from marketdata.management.wanted_by_settings import wanted_by_settings
from marketdata.observability.tracing import configure_tracing
from marketdata.providers.base import Provider
from marketdata.recording.recorder import Recorder
from marketdata.runtime.identity import process_identity
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.service_records import ServiceRecords
from marketdata.trading_calendar.exchange import exchange_calendar_around, read_by_child


class Command(ServiceCommand):
    service_name = "listener"
    help = "Receive the provider's feed and put its events into the queues, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--record",
            type=Path,
            metavar="DIRECTORY",
            help="also record what is received; see `replay_feed` and docs/recording.md",
        )
        add_recording_options(parser)
        super().add_arguments(parser)

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> Listener:
        provider = create_provider()
        if not options["record"]:
            return build_listener(provider)
        target = chosen_provider().target(provider_settings())
        recorder = Recorder(recorder_config(options["record"], target, options, format_name=provider.format))
        return build_listener(provider, stack.enter_context(recorder))


def create_provider() -> Provider:
    """The provider's feed as the settings describe it; nothing is connected yet.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    plugin, all_settings = chosen_provider(), provider_settings()
    load_calendar = functools.partial(
        exchange_calendar_around, boundaries=settings.MARKET_HOURS, read=read_by_child
    )
    return plugin.create(
        all_settings, plugin.target(all_settings), load_calendar=load_calendar, clock=SystemClock()
    )


def build_listener(provider: Provider, recorder: Recorder | None = None) -> Listener:
    """The listener as the settings describe it; nothing is connected yet.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    clock = SystemClock()
    source = process_identity()  # batches are numbered from 1 for each source
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    return Listener(
        provider,
        queues_by_settings(clock),
        shard_count=settings.MDQ_SHARDS,
        source=source,
        lease=Lease(redis, keys.listener_lease(), source, LEASE_TTL_MS),
        records=ServiceRecords(redis, keys, SERVICE),
        wanted=structs.replace(wanted_by_settings(), recording=recorder is not None),
        ttl_ms=settings.MARKET_DATA_MESSAGE_TTL,
        clock=clock,
        tracing=configure_tracing("listener"),
        on_frames=recorder.record if recorder else None,
        on_target=recorder.set_target if recorder else None,
        switch_recording=(lambda on: recorder.switch(on=on)) if recorder else None,
    )
