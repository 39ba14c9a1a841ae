"""Scenarios by name: each describes only its differences from an ordinary day.

`surges.py` computes the rates of a scenario, `casting.py` chooses its symbols, and `price_moves.py` moves
their prices. The provider's emulator adds bad input to the provider's feed (`defects.py` has the kinds) and
to the answers of the REST service.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.synthetic_market.defects import Defect
from marketdata.synthetic_market.surges import OpeningSurge, RateCourse, RepeatedSurge, Steady


class PausePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Trading pauses of Nasdaq-listed symbols: some have begun before the start, the others begin after it.

    A pause lasts five minutes. Before a pause that begins after the start, the price moves to a price band
    for `approach_seconds`, and stays there for `limit_state_seconds` (15 in the limit-up/limit-down plan).
    """

    under_way: int
    first_after_seconds: float
    every_seconds: float
    count: int
    approach_seconds: float = 30.0
    limit_state_seconds: float = 15.0


class RunnerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The listed share with the smallest float climbs to a multiple of its price.

    Until the end of the climb its volume is a multiple of its float.
    """

    begin_after_seconds: float
    climb_seconds: float
    multiple: float
    float_turnover: float


class DipPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole market falls by a fraction and recovers, repeatedly."""

    depth: float
    first_after_seconds: float
    every_seconds: float
    fall_seconds: float
    recovery_seconds: float


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a scenario. A field with its default value changes nothing.

    `start` is New York time. `course` replaces the usual course of rates over the session. `pauses` are then
    the only pauses of the day. `defects` are kinds of bad input with their number per hour of market time.
    With `odd_answers` the REST service gives bad answers, too.
    """

    summary: str
    start: dt.time = dt.time(9, 29)
    course: RateCourse | None = None
    pauses: PausePlan | None = None
    runner: RunnerPlan | None = None
    dip: DipPlan | None = None
    defects: Mapping[Defect, int] = {}
    odd_answers: bool = False


ORDINARY: Final = Scenario(summary="the market of the seed, as it comes")
_BAD_INPUT: Final = (
    Defect.LATE, Defect.DUPLICATE, Defect.OUT_OF_ORDER, Defect.RESENT_BAR, Defect.NEGATIVE_SIZE,
    Defect.MISSING_SYMBOL, Defect.UNKNOWN_EVENT, Defect.NOT_A_NUMBER, Defect.MALFORMED,
    Defect.NOT_AN_ARRAY, Defect.NOT_OBJECTS, Defect.INVALID_UTF8, Defect.HUGE_FIELD, Defect.OVERSIZED_FRAME,
)  # fmt: skip
NO_PAUSES: Final = PausePlan(under_way=0, first_after_seconds=0, every_seconds=1, count=0)
SCENARIOS: Final[Mapping[str, Scenario]] = {
    "calm": Scenario(
        summary="a quiet mid-day: a third of the rates, and no trading pause",
        start=dt.time(12, 30),
        course=Steady(1 / 3),
        pauses=NO_PAUSES,
    ),
    "open": Scenario(
        summary="begins 09:29:50; at 09:30 ten times the rates for ten seconds, then falling",
        start=dt.time(9, 29, 50),
        course=OpeningSurge(factor=10, hold_seconds=10, decay_seconds=30),
    ),
    "halt": Scenario(
        summary="Nasdaq pauses end and begin within the first minutes, limit states before",
        start=dt.time(10, 0),
        pauses=PausePlan(under_way=3, first_after_seconds=60, every_seconds=15, count=5),
    ),
    "demo": Scenario(
        summary="the ordinary open at 09:30, and Nasdaq pauses within minutes of it",
        pauses=PausePlan(under_way=0, first_after_seconds=150, every_seconds=20, count=5),
    ),
    "runner": Scenario(
        summary="the share with the smallest float doubles within four minutes on rising volume",
        start=dt.time(10, 15),
        runner=RunnerPlan(begin_after_seconds=10, climb_seconds=240, multiple=2.1, float_turnover=4),
    ),
    "flash": Scenario(
        summary="every half minute ten times the rates for five seconds, and a dip of the market",
        start=dt.time(14, 30),
        course=RepeatedSurge(factor=10, first_after_seconds=10, every_seconds=30, hold_seconds=5),
        dip=DipPlan(
            depth=0.06, first_after_seconds=10, every_seconds=30, fall_seconds=5, recovery_seconds=15
        ),
    ),
    "bad": Scenario(
        summary="the ordinary market, and among it every kind of bad input in known numbers",
        start=dt.time(10, 30),
        defects={
            **dict.fromkeys(_BAD_INPUT, 720),
            Defect.HUGE_FIELD: 360,
            Defect.OVERSIZED_FRAME: 60,
        },
    ),
    "hostile": Scenario(
        summary="a whole day from 04:00 with every known failure of a provider, on its feed and by REST",
        start=dt.time(4, 0),
        defects={
            **dict.fromkeys(Defect, 60),
            Defect.OVERSIZED_FRAME: 6,
        },
        odd_answers=True,
    ),
}  # fmt: skip


def scenario_named(name: str) -> Scenario:
    """The scenario with this name.

    Raises:
        ConfigurationError: no scenario has the name; the message lists the names.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        raise ConfigurationError(f"scenario {name!r} is none of {', '.join(sorted(SCENARIOS))}") from None
