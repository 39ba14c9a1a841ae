"""Whole days of the simulator's market as frames of the wire, and the good events in them.

A day is the ordinary market from 04:00 to 20:00 New York, with an hour of a scenario in place of its own: the
state of the market at any instant does not depend on what was sent before, so the stretches fit together.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from marketdata.providers.massive.emulator.injection import DefectInjector, Injection
from marketdata.providers.massive.emulator.prebuilt import frames_of
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.defects import Defect, DefectSchedule
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.scenarios import ORDINARY, SCENARIOS, Scenario
from marketdata.synthetic_market.universe import Universe, build_universe
from marketdata.trading_calendar import SessionHours, TradingCalendar
from tests.oracle.terms import Day, day_of, epoch_ms, new_york

SYMBOLS: Final = 30
RATES: Final = Rates(
    aggregates_per_second=2, trades_per_second=2, quotes_per_second=1, price_bands_per_second=0.1
)
DATES: Final = (
    "2026-11-20",
    "2026-11-23",
    "2026-11-24",
    "2026-11-25",
    "2026-11-27",
    "2026-11-30",
    "2026-12-01",
)
HALF_DAYS: Final = frozenset({"2026-11-27"})
DATE: Final = "2026-11-24"
SCENARIO_MS: Final = 3_600_000
EVENTS_PER_FRAME: Final = 1_000
GOOD_DEFECTS: Final = frozenset(
    {
        Defect.LATE, Defect.DUPLICATE, Defect.OUT_OF_ORDER, Defect.RESENT_BAR, Defect.UNREAD_NULLS,
        Defect.UNREAD_TYPES, Defect.BAR_WITHOUT_AVERAGE, Defect.HALT_WITH_NULL_BANDS,
        Defect.HALT_WITHOUT_BANDS, Defect.OTHER_ID, Defect.OTHER_EXCHANGE, Defect.OTHER_TAPE,
        Defect.TEST_ISSUE_BAR, Defect.TEST_ISSUE_TRADE, Defect.SUB_PENNY_BAR, Defect.SUB_PENNY_TRADE,
    }
)  # fmt: skip
"""Injections that are events like any other, and count."""

HOSTILE: Final = "hostile"
RARER: Final = 6
"""So many times rarer than in the scenario comes what is odd in a whole hostile day."""

_BUSY_STEP_MS: Final = 1_000
_QUIET_STEP_MS: Final = 5_000
_BUSY_MS: Final = 600_000


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A piece of the feed: an event, or a frame of its own.

    `counts`: it is an event that must take effect, and that may come again. An injection has its kind, and
    the number of pieces that a reader can count of it.
    """

    text: bytes
    time_ms: int
    counts: bool = True
    is_frame: bool = False
    defect: Defect | None = None
    pieces: int = 1


@functools.cache
def calendar() -> TradingCalendar:
    """The sessions of some days, a half day among them."""
    return TradingCalendar(
        SessionHours(
            new_york(date, "00:00").date(),
            epoch_ms(new_york(date, "09:30")),
            epoch_ms(new_york(date, _close(date))),
        )
        for date in DATES
    )


def oracle_day(date: str) -> Day:
    """The same day in the oracle's words."""
    return day_of(date, DATES[DATES.index(date) + 1], closes_at=_close(date))


@functools.cache
def universe(seed: int) -> Universe:
    """Few symbols, so that a whole day takes seconds."""
    return build_universe(seed, SYMBOLS)


@functools.cache
def ordinary_day(date: str, seed: int) -> Sequence[Sent]:
    """The market of the seed as it comes: a hostile provider has the same, and more beside it."""
    return tuple(sent for sent in hostile_day(date, seed) if sent.defect is None)


def scenario_day(name: str, date: str, seed: int) -> Sequence[Sent]:
    """The ordinary day with an hour of a scenario in it, from the scenario's own time of day on.

    A hostile provider is so all day long.
    """
    if name == HOSTILE:
        return hostile_day(date, seed)
    start = SCENARIOS[name].start
    begin_ms = epoch_ms(new_york(date, start.isoformat()))
    end_ms = begin_ms + SCENARIO_MS
    before = [sent for sent in ordinary_day(date, seed) if sent.time_ms <= begin_ms]
    after = [sent for sent in ordinary_day(date, seed) if sent.time_ms > end_ms]
    return (*before, *stretch(seed, begin_ms, end_ms, SCENARIOS[name]), *after)


@functools.cache
def hostile_day(date: str, seed: int) -> Sequence[Sent]:
    """A whole day of the hostile provider."""
    day, scenario = oracle_day(date), SCENARIOS[HOSTILE]
    rarer = {kind: max(1, number // RARER) for kind, number in scenario.defects.items()}
    described = msgspec.structs.replace(scenario, defects=rarer)
    return tuple(stretch(seed, day.start_ms, day.after_hours_end_ms, described))


def stretch(
    seed: int,
    begin_ms: int,
    end_ms: int,
    scenario: Scenario = ORDINARY,
    *,
    sessions: TradingCalendar | None = None,
) -> Iterator[Sent]:
    """What the market sends from one instant to another."""
    market = Market(
        universe(seed), sessions or calendar(), RATES, seed=seed, start_ms=begin_ms, scenario=scenario
    )
    injector = DefectInjector(DefectSchedule(scenario.defects, seed=seed, start_ms=begin_ms))
    while market.now_ms < end_ms:
        blocks = market.step(_step_ms(market, begin_ms))
        for block in blocks:
            for frame in frames_of(block, EVENTS_PER_FRAME):
                yield from (Sent(bytes(raw), market.now_ms) for raw in _events(frame))
        yield from (_injected(each, market.now_ms) for each in injector.step(blocks, market.now_ms))


_events: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _close(date: str) -> str:
    return "13:00" if date in HALF_DAYS else "16:00"


def _step_ms(market: Market, begin_ms: int) -> int:
    """Short steps after the beginning and around the open, where much happens."""
    since_open_ms = market.now_ms - market.day.regular_open_ms
    busy = market.now_ms - begin_ms < _BUSY_MS or -60_000 <= since_open_ms < _BUSY_MS
    return _BUSY_STEP_MS if busy else _QUIET_STEP_MS


def _injected(injection: Injection, time_ms: int) -> Sent:
    return Sent(
        injection.data,
        time_ms,
        counts=injection.defect in GOOD_DEFECTS,
        is_frame=injection.channel is None,
        defect=injection.defect,
        pieces=injection.pieces,
    )
