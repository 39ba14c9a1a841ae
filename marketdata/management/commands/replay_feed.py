"""`manage.py replay_feed`: serves a recording through the protocol of its own provider."""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from marketdata.errors import ConfigurationError
from marketdata.management.protocol_options import accepted_keys, add_protocol_options
from marketdata.management.service_command import ServiceCommand
from marketdata.management.steered import instance_records, live_settings
from marketdata.providers.emulator import ProtocolSettings
from marketdata.providers.registry import recorded_format
from marketdata.recording.progress import progress_bar
from marketdata.recording.selection import Selection
from marketdata.replay_server.service import ReplayConfig, ReplayService, emulator_of
from marketdata.replay_server.settings import REPLAY, ReplayRoleSettings
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.units import NS_PER_MS


class Command(ServiceCommand):
    service_name = REPLAY
    help = (
        "Serve recordings through the provider's own protocol. To run the platform on them, set the "
        "provider's settings to this address (docs/recording.md has an example). "
        "The replay begins when the first client has subscribed, and pauses while there is none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="played in order of time")
        parser.add_argument(
            "--speed",
            type=_speed,
            default=1.0,
            help="1, 10, …, or max: as fast as the clients read (default: 1)",
        )
        parser.add_argument(
            "--from",
            dest="start",
            metavar="HH:MM",
            help="begin at this New York market time, also as YYYY-MM-DDTHH:MM[:SS]",
        )
        parser.add_argument("--to", dest="end", metavar="HH:MM", help="end before this market time")
        parser.add_argument("--symbols", help="only these, separated by commas: AAPL,MSFT")
        parser.add_argument("--loop", action="store_true", help="begin again at the end")
        add_protocol_options(parser)
        super().add_arguments(parser)

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> ReplayService:
        return stack.enter_context(build_replay(options))


@contextlib.contextmanager
def build_replay(options: Mapping[str, Any]) -> Iterator[ReplayService]:
    """The service that the command's options describe, with its files open.

    Raises:
        ConfigurationError: an option or a file is wrong; the message names it.
    """
    symbols = _symbols(options["symbols"])
    with Selection(
        options["files"], recorded_format, start=options["start"], end=options["end"]
    ) as selection:
        config = ReplayConfig(
            protocol=ProtocolSettings(
                api_keys=accepted_keys(options, emulator_of(selection).channels),
                max_connections=options["max_connections"],
            ),
            host=options["host"],
            port=options["port"],
            speed=options["speed"],
            symbols=symbols,
            loop=options["loop"],
        )
        calendar = exchange_calendar_around(selection.first_market_time_ms * NS_PER_MS)
        total = None if config.loop else selection.frame_count
        with progress_bar("replay", total, unit="frames", stream=sys.stderr) as progress:
            yield ReplayService(
                config,
                selection,
                calendar,
                progress=progress,
                live=live_settings(ReplayRoleSettings),
                records=instance_records(REPLAY),
            )


def _symbols(text: str | None) -> frozenset[str] | None:
    """The symbols in the option; None means all."""
    if text is None:
        return None
    symbols = frozenset(entry.strip() for entry in text.split(",") if entry.strip())
    if not symbols:
        raise ConfigurationError("--symbols is empty; an example: AAPL,MSFT")
    return symbols


def _speed(text: str) -> float | None:
    """The factor in the option; None means as fast as possible."""
    if text == "max":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed: a number such as 10, or max") from error
