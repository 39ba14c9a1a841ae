"""`manage.py run_simulator`: serves a synthetic market through the protocol of the selected provider."""

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from msgspec import structs

from marketdata.clock import SystemClock
from marketdata.management.protocol_options import accepted_keys, add_protocol_options
from marketdata.management.service_command import ServiceCommand
from marketdata.management.steered import instance_records, live_settings
from marketdata.providers.emulator import EvictionPolicy, ProtocolSettings
from marketdata.providers.registry import provider_emulator
from marketdata.simulator.service import DEFAULT_SYMBOLS, SimulatorConfig, SimulatorService
from marketdata.simulator.settings import SIMULATOR, SimulatorSettings
from marketdata.synthetic_market.activity import (
    DEFAULT_MIX,
    DEFAULT_PROFILE,
    MAX_RATE,
    PROFILES,
    Rates,
    rates_of_total,
    surge_factor,
)
from marketdata.synthetic_market.scenarios import ORDINARY, SCENARIOS, Scenario, scenario_named
from marketdata.synthetic_market.surges import RepeatedSurge
from marketdata.trading_calendar.exchange import exchange_calendar_around, exchange_holidays
from marketdata.units import NS_PER_MS, NS_PER_SECOND

_EARLIEST_START_DAYS: Final = 3_650


class Command(ServiceCommand):
    service_name = SIMULATOR
    help = (
        "Simulate the whole US stock market behind the provider's own WebSocket (/stocks) and REST protocol."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_protocol_options(parser)
        parser.add_argument("--symbols", type=int, default=DEFAULT_SYMBOLS, help="default: %(default)s")
        parser.add_argument("--seed", type=int, default=7, help="which market to draw (default: %(default)s)")
        parser.add_argument(
            "--start",
            metavar="YYYY-MM-DDTHH:MM",
            help="market time in New York to begin at (default: 09:29, or the scenario's time, of the last "
            "session before today)",
        )
        parser.add_argument(
            "--scenario",
            choices=sorted(SCENARIOS),
            help="; ".join(f"{name}: {scenario.summary}" for name, scenario in SCENARIOS.items()),
        )
        parser.add_argument("--speed", type=float, default=1.0, help="market seconds per second, 1 to 60")
        load = parser.add_mutually_exclusive_group()
        load.add_argument(
            "--profile", choices=sorted(PROFILES), default=DEFAULT_PROFILE, help="default: %(default)s"
        )
        load.add_argument(
            "--rate", type=float, metavar="EVENTS_PER_SECOND", help="constant total instead of a profile"
        )
        parser.add_argument(
            "--burst",
            type=float,
            metavar="EVENTS_PER_SECOND",
            help="with --rate: from 10 s on, one second of every half minute at this rate",
        )
        parser.add_argument(
            "--mix", default=DEFAULT_MIX, help="shares of A, T and Q in --rate (default: %(default)s)"
        )
        parser.add_argument(
            "--frame-events",
            type=int,
            metavar="EVENTS",
            help="at most so many events in a frame (default: what is usual for the provider)",
        )
        parser.add_argument(
            "--evict",
            choices=[policy.value for policy in EvictionPolicy],
            default=EvictionPolicy.OLDEST.value,
            help="which connection ends when a key has too many (default: %(default)s)",
        )
        parser.add_argument("--compression", action="store_true", help="accept permessage-deflate")
        super().add_arguments(parser)

    def build(self, options: Mapping[str, Any], stack: contextlib.ExitStack) -> SimulatorService:
        del stack
        return build_service(options)


def build_service(options: Mapping[str, Any]) -> SimulatorService:
    """The service that the command's options describe.

    Raises:
        MarketDataError: an option is out of range; the message names it.
        CommandError: the start is not a time.
    """
    config = _config(options)  # first, since loading the calendar takes seconds
    now_ns = SystemClock().time_ns()
    start = _parse_start(options["start"]) if options["start"] else None
    calendar = exchange_calendar_around(now_ns, days_before=_days_before(now_ns, start))
    if start is None:
        today = calendar.local_time(now_ns // NS_PER_MS).date()
        start = default_start(calendar.dates, today, config.scenario)
    start_ms = calendar.instant_ms(start.date(), start.time())
    holidays = exchange_holidays(start.date(), calendar.dates[-1])
    return SimulatorService(
        structs.replace(config, start_ms=start_ms, holidays=holidays),
        calendar,
        live=live_settings(SimulatorSettings),
        records=instance_records(SIMULATOR),
    )


def _config(options: Mapping[str, Any]) -> SimulatorConfig:
    """All but the start, which needs the calendar."""
    if options["seed"] < 0:
        raise CommandError(f"--seed must be 0 or more, got {options['seed']}")
    provider = settings.MARKET_DATA_PROVIDER
    protocol = ProtocolSettings(
        api_keys=accepted_keys(options, provider_emulator(provider).channels),
        max_connections=options["max_connections"],
        eviction=EvictionPolicy(options["evict"]),
        compression=options["compression"],
    )
    return SimulatorConfig(
        protocol=protocol,
        start_ms=0,
        provider=provider,
        host=options["host"],
        port=options["port"],
        symbol_count=options["symbols"],
        seed=options["seed"],
        speed=options["speed"],
        rates=_rates(options),
        scenario=_scenario(options),
        events_per_frame=options["frame_events"],
    )


def _scenario(options: Mapping[str, Any]) -> Scenario:
    scenario = scenario_named(options["scenario"]) if options["scenario"] else ORDINARY
    rate, burst = options["rate"], options["burst"]
    if burst is None:
        return scenario
    if rate is None or not rate <= burst <= MAX_RATE:
        raise CommandError(f"--burst needs a --rate, and must be between it and {MAX_RATE:,}, got {burst:g}")
    factor = surge_factor(_rates(options), burst, options["symbols"])
    course = RepeatedSurge(factor=factor, first_after_seconds=10, every_seconds=30, hold_seconds=1)
    return structs.replace(scenario, course=course)


def default_start(sessions: Sequence[dt.date], today: dt.date, scenario: Scenario = ORDINARY) -> dt.datetime:
    """The scenario's start time on the date of the last session before today.

    For the ordinary market it is 09:29, so that the open, the busiest minute, comes first.
    """
    return dt.datetime.combine(max(date for date in sessions if date < today), scenario.start)


def _parse_start(text: str) -> dt.datetime:
    try:
        start = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--start {text!r} is not a time such as 2026-11-20T09:28") from error
    if start.tzinfo is not None:
        raise CommandError(f"--start {text!r} carries a time zone; it is New York time by definition")
    return start


def _days_before(now_ns: int, start: dt.datetime | None) -> int:
    """How many days before now the calendar must begin, so that clients can request past days."""
    if start is None:
        return 400
    today = dt.datetime.fromtimestamp(now_ns / NS_PER_SECOND, tz=dt.UTC).date()
    days = (today - start.date()).days + 400
    if not 0 < days <= _EARLIEST_START_DAYS:
        raise CommandError(
            f"--start {start.isoformat()} is out of range: at most nine years back, not a year ahead"
        )
    return max(400, days)


def _rates(options: Mapping[str, Any]) -> Rates:
    if options["rate"] is None:
        return PROFILES[options["profile"]]
    return rates_of_total(options["rate"], options["mix"], options["symbols"])
