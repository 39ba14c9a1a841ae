"""Small synthetic markets on hand-made sessions, from September to December 2026."""

import datetime as dt
from collections.abc import Iterator
from functools import cache
from zoneinfo import ZoneInfo

from marketdata.providers.massive.emulator.spelling import CHANNEL_OF, messages_of
from marketdata.providers.massive.emulator.wire import Message
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.blocks import Block
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.scenarios import ORDINARY, Scenario
from marketdata.synthetic_market.universe import Universe, build_universe
from marketdata.trading_calendar import SessionHours, TradingCalendar

NEW_YORK = ZoneInfo("America/New_York")
THANKSGIVING = dt.date(2026, 11, 26)
HALF_DAY = dt.date(2026, 11, 27)
SYMBOLS = 400
SEED = 7
BRISK = Rates(
    aggregates_per_second=200,
    trades_per_second=300,
    quotes_per_second=500,
    price_bands_per_second=20,
    follows_session=False,
)


def instant(text: str) -> int:
    """Epoch milliseconds of a New York wall-clock time."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1000)


@cache
def calendar() -> TradingCalendar:
    days = [dt.date(2026, 9, 8) + dt.timedelta(days=offset) for offset in range(120)]
    return TradingCalendar(
        SessionHours(
            day, instant(f"{day}T09:30"), instant(f"{day}T13:00" if day == HALF_DAY else f"{day}T16:00")
        )
        for day in days
        if day.weekday() < 5 and day not in {THANKSGIVING, dt.date(2026, 12, 25), dt.date(2027, 1, 1)}
    )


@cache
def universe(symbol_count: int = SYMBOLS) -> Universe:
    return build_universe(SEED, symbol_count)


def market(
    start: str,
    rates: Rates = BRISK,
    *,
    seed: int = SEED,
    speed: float = 1.0,
    scenario: Scenario = ORDINARY,
) -> Market:
    return Market(
        universe(), calendar(), rates, seed=seed, start_ms=instant(start), speed=speed, scenario=scenario
    )


def run(of: Market, seconds: float, step_ms: int = 100) -> Iterator[Block]:
    """The blocks of some seconds of market time."""
    for _ in range(round(seconds * 1000 / step_ms)):
        yield from of.step(step_ms)


def messages(blocks: Iterator[Block], channel: str) -> list[Message]:
    """All events of one channel as Massive spells them, in the order in which they were sent."""
    of_channel = (block for block in blocks if CHANNEL_OF[block.kind] == channel)
    return [message for block in of_channel for message in messages_of(block)]
