"""`manage.py run_listener`: one connection to the provider, events into the queues."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError
from marketdata.listener import Listener
from marketdata.listener.wanted import SERVICE, ListenerWanted
from marketdata.management.recording_options import add_recording_options, recorder_config
from marketdata.observability.logs import configure_logging
from marketdata.observability.tracing import configure_tracing
from marketdata.providers.base import Frame, Provider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.registry import create_provider
from marketdata.recording.recorder import Recorder
from marketdata.runtime.runner import run_service
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.service_records import ServiceRecords
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.transport.queues import QueueLimits
from marketdata.transport.registry import create_transport

LEASE_TTL_MS: Final = 3_000  # a standby listens within 4 s of a kill


class Command(BaseCommand):
    help = "Receive the provider's feed and put its events into the queues, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--record",
            type=Path,
            metavar="DIRECTORY",
            help="also record what is received; see `replay_feed` and docs/recording.md",
        )
        add_recording_options(parser)
        parser.add_argument(
            "--health-host", default=settings.HEALTH_HOST, help="address of the health endpoints"
        )
        parser.add_argument(
            "--health-port",
            type=int,
            help="port of /healthz, /readyz and /metrics; 0 takes a free one; without it none are served",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        configure_logging("listener", settings.LOG_LEVEL, settings.LOG_FORMAT)
        with contextlib.ExitStack() as stack:
            try:
                tap = stack.enter_context(_recorder(options)).record if options["record"] else None
                listener = build_listener(tap=tap)
            except ConfigurationError as error:
                raise CommandError(str(error)) from error
            run_service(listener, health_host=options["health_host"], health_port=options["health_port"])


def build_listener(tap: Callable[[Sequence[Frame]], object] | None = None) -> Listener:
    """The listener as the settings describe it; nothing is connected yet. `tap`: see `Listener`.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    clock = SystemClock()
    # Unlike any earlier process of this machine: batches are numbered from 1 under this name.
    source = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
    transport = create_transport(
        settings.MDQ_URL,
        prefix=settings.MDQ_PREFIX,
        shard_count=settings.MDQ_SHARDS,
        limits=QueueLimits(ttl_ms=settings.MARKET_DATA_MESSAGE_TTL, max_batches=settings.MDQ_MAX_BATCHES),
        clock=clock,
        publisher_confirms=settings.MDQ_PUBLISHER_CONFIRMS,
    )
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    return Listener(
        _provider(clock),
        transport,
        shard_count=settings.MDQ_SHARDS,
        source=source,
        lease=Lease(redis, keys.lease(SERVICE), source, LEASE_TTL_MS),
        records=ServiceRecords(redis, keys, SERVICE),
        wanted=wanted_by_settings(),
        ttl_ms=settings.MARKET_DATA_MESSAGE_TTL,
        clock=clock,
        tracing=configure_tracing("listener"),
        tap=tap,
    )


def wanted_by_settings() -> ListenerWanted:
    """What holds until an operator says otherwise."""
    return ListenerWanted(
        running=True,
        feed=settings.MASSIVE_FEED,
        market=settings.MASSIVE_MARKET,
        subscriptions=tuple(settings.MASSIVE_SUBSCRIPTIONS),
    )


def _provider(clock: Clock) -> Provider:
    return create_provider(_configuration(), load_calendar=exchange_calendar_around, clock=clock)


def _recorder(options: dict[str, Any]) -> Recorder:
    return Recorder(recorder_config(options["record"], _configuration(), options))


def _configuration() -> MassiveConfiguration:
    return MassiveConfiguration(
        api_key=settings.MASSIVE_API_KEY,
        feed=settings.MASSIVE_FEED,
        market=settings.MASSIVE_MARKET,
        subscriptions=tuple(settings.MASSIVE_SUBSCRIPTIONS),
        rest_url=settings.MASSIVE_REST_URL,
        secure=settings.MASSIVE_SECURE,
        max_reconnects=settings.MASSIVE_MAX_RECONNECTS,
    )
