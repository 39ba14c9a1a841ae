"""`manage.py record_feed`: records the provider's feed to disk, over a connection of its own."""

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
from marketdata.listener.feed_recorder import FeedRecorder
from marketdata.listener.role import LEASE_TTL_MS
from marketdata.management.recording_options import add_recording_options, recorder_config
from marketdata.management.service_command import ServiceCommand
from marketdata.management.steered import instance_records, live_settings
from marketdata.providers.base import Provider
from marketdata.recording.recorder import Recorder
from marketdata.recording.settings import RECORDER, RecorderSettings
from marketdata.runtime.identity import process_identity
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.trading_calendar.exchange import exchange_calendar_around, read_by_child


class Command(ServiceCommand):
    service_name = RECORDER
    help = (
        "Record the provider's feed to files, until SIGTERM or Ctrl-C. The provider allows one connection "
        "for each account: while a listener runs, this command waits for its role. To record while the "
        "platform runs, let the listener record: run_listener --record DIRECTORY."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_recording_options(parser)
        parser.add_argument("--directory", type=Path, required=True, help="where the files go")
        parser.add_argument("--feed", help="default: that of the provider's settings")
        parser.add_argument(
            "--subscriptions",
            help="in the words of the provider, separated by commas (default: those of its settings)",
        )
        super().add_arguments(parser)

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> FeedRecorder:
        by_settings = chosen_provider().target(provider_settings())
        target = structs.replace(
            by_settings,
            feed=options["feed"] or by_settings.feed,
            subscriptions=_subscriptions(options["subscriptions"]) or by_settings.subscriptions,
        )
        load_calendar = functools.partial(
            exchange_calendar_around, boundaries=settings.MARKET_HOURS, read=read_by_child
        )
        provider = chosen_provider().create(
            provider_settings(), target, load_calendar=load_calendar, clock=SystemClock()
        )
        recorder = Recorder(
            recorder_config(options["directory"], target, options, format_name=provider.format)
        )
        return build_recorder(provider, stack.enter_context(recorder))


def build_recorder(provider: Provider, recorder: Recorder) -> FeedRecorder:
    """The service that connects to the feed under the listener's lease; nothing is connected yet."""
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    return FeedRecorder(
        provider,
        recorder,
        lease=Lease(redis, keys.listener_lease(), process_identity(), LEASE_TTL_MS),
        live=live_settings(RecorderSettings),
        records=instance_records(RECORDER),
    )


def _subscriptions(chosen: str | None) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in (chosen or "").split(",") if entry.strip())
