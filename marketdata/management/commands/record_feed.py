"""`manage.py record_feed`: the provider's feed to disk, over a connection of its own."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from marketdata.clock import SystemClock
from marketdata.listener.role import LEASE_TTL_MS
from marketdata.management.provider_settings import provider_configuration
from marketdata.management.recording_options import add_recording_options, recorder_config
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.registry import create_provider
from marketdata.recording.recorder import Recorder
from marketdata.recording.service import FeedRecorder
from marketdata.runtime.identity import process_identity
from marketdata.runtime.service_command import ServiceCommand
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.trading_calendar.exchange import exchange_calendar_around, read_by_child


class Command(ServiceCommand):
    service_name = "recorder"
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
        super().add_arguments(parser)

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> FeedRecorder:
        feed = provider_configuration(options["feed"], _subscriptions(options["subscriptions"]))
        recorder = Recorder(recorder_config(options["directory"], feed, options))
        return build_recorder(feed, stack.enter_context(recorder))


def build_recorder(feed: MassiveConfiguration, recorder: Recorder) -> FeedRecorder:
    """The service that connects to the feed under the listener's lease; nothing is connected yet."""
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    load_calendar = functools.partial(
        exchange_calendar_around, boundaries=settings.MARKET_HOURS, read=read_by_child
    )
    return FeedRecorder(
        create_provider(feed, load_calendar=load_calendar, clock=SystemClock()),
        recorder,
        lease=Lease(redis, keys.listener_lease(), process_identity(), LEASE_TTL_MS),
    )


def _subscriptions(chosen: str | None) -> Sequence[str] | None:
    return [entry.strip() for entry in chosen.split(",") if entry.strip()] if chosen else None
