"""`manage.py record_feed`: the provider's feed to disk, over a connection of its own."""

import os
import socket
import time
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.management.recording_options import add_recording_options, recorder_config
from marketdata.observability.logs import configure_logging
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.registry import create_provider
from marketdata.recording.recorder import Recorder
from marketdata.recording.service import FeedRecorder
from marketdata.runtime.runner import run_service
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.trading_calendar.exchange import exchange_calendar_around

LEASE_TTL_MS: Final = 3_000


class Command(BaseCommand):
    help = (
        "Record the provider's feed to files, until SIGTERM or Ctrl-C. The provider allows one connection of "
        "an account: while a listener runs this command waits for its role. To record beside a running "
        "platform, let the listener do it: run_listener --record DIRECTORY."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_recording_options(parser)
        parser.add_argument("--directory", type=Path, required=True, help="where the files go")
        parser.add_argument("--feed", default=settings.MASSIVE_FEED, help="default: MASSIVE_FEED")
        parser.add_argument(
            "--subscriptions", help="comma list such as A.*,T.AAPL (default: MASSIVE_SUBSCRIPTIONS)"
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
        try:
            feed = _configuration(options)
            with Recorder(recorder_config(options["directory"], feed, options)) as recorder:
                configure_logging("recorder", settings.LOG_LEVEL, settings.LOG_FORMAT)
                run_service(
                    build_recorder(feed, recorder),
                    health_host=options["health_host"],
                    health_port=options["health_port"],
                )
        except ConfigurationError as error:
            raise CommandError(str(error)) from error


def build_recorder(feed: MassiveConfiguration, recorder: Recorder) -> FeedRecorder:
    """The service that connects to the feed under the listener's lease; nothing is connected yet."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
    return FeedRecorder(
        create_provider(feed, load_calendar=exchange_calendar_around, clock=SystemClock()),
        recorder,
        lease=Lease(
            connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX).lease("listener"), owner, LEASE_TTL_MS
        ),
    )


def _configuration(options: dict[str, Any]) -> MassiveConfiguration:
    chosen = options["subscriptions"]
    subscriptions = (
        [entry.strip() for entry in chosen.split(",") if entry.strip()]
        if chosen
        else settings.MASSIVE_SUBSCRIPTIONS
    )
    return MassiveConfiguration(
        api_key=settings.MASSIVE_API_KEY,
        feed=options["feed"],
        market=settings.MASSIVE_MARKET,
        subscriptions=tuple(subscriptions),
        rest_url=settings.MASSIVE_REST_URL,
        secure=settings.MASSIVE_SECURE,
        max_reconnects=settings.MASSIVE_MAX_RECONNECTS,
    )
