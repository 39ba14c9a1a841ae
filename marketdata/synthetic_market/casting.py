"""Chooses the symbols and times of a scenario on its day: plans become price moves and trading pauses."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.synthetic_market import halts
from marketdata.synthetic_market.halts import Halt
from marketdata.synthetic_market.intraday import IntradayPath
from marketdata.synthetic_market.price_moves import BandPressure, Climb, MarketDip, PriceMove
from marketdata.synthetic_market.scenarios import PausePlan, RunnerPlan, Scenario
from marketdata.synthetic_market.universe import SecurityType, Universe
from marketdata.units import MS_PER_SECOND

# The time left of the first pause that is under way at the start. Each further such pause ends later.
_FIRST_REOPENING_MS: Final = 20_000
# A price under pressure stays this fraction inside the band, so that the noise of trades does not cross it.
_WITHIN_BAND: Final = 0.97
_SHARES: Final = frozenset({SecurityType.COMMON_SHARE, SecurityType.DEPOSITARY_RECEIPT})


class Cast(msgspec.Struct, frozen=True):
    """The scenario on its day: price moves, trading pauses (None: as on any day), symbols in demand."""

    moves: Sequence[PriceMove] = ()
    pauses: Sequence[Halt] | None = None
    in_demand: Sequence[int] = ()


def cast_scenario(scenario: Scenario, universe: Universe, path: IntradayPath, start_ms: int) -> Cast:
    """The cast of a scenario that begins at `start_ms` (epoch milliseconds) on the day of a path."""
    moves: list[PriceMove] = []
    pauses: Sequence[Halt] | None = None
    if scenario.dip is not None:
        plan = scenario.dip
        first_ms = start_ms + _ms(plan.first_after_seconds)
        moves.append(
            MarketDip(plan.depth, first_ms, plan.every_seconds, plan.fall_seconds, plan.recovery_seconds)
        )
    if scenario.runner is not None:
        moves.append(_climb(scenario.runner, universe, start_ms))
    if scenario.pauses is not None:
        rows = _paused_rows(scenario.pauses, universe)
        pauses = tuple(sorted(_pauses(scenario.pauses, rows, start_ms)))
        moves += _band_pressures(scenario.pauses, pauses, universe, path)
    return Cast(moves, pauses, [move.row for move in moves if move.row is not None])


def _climb(plan: RunnerPlan, universe: Universe, start_ms: int) -> Climb:
    """Choose among shares of 1 to 10 dollars, if there are any: these can double within minutes."""
    shares = np.array([kind in _SHARES for kind in universe.security_types])
    shares &= universe.has_float & ~universe.is_test_issue
    low_priced = shares & (universe.base_price >= 1) & (universe.base_price <= 10)
    eligible = low_priced if low_priced.any() else universe.has_float
    row = int(np.argmin(np.where(eligible, universe.free_float_shares, np.iinfo(np.int64).max)))
    begin_ms = start_ms + _ms(plan.begin_after_seconds)
    traded = int(plan.float_turnover * universe.free_float_shares[row])
    return Climb(row, begin_ms, begin_ms + _ms(plan.climb_seconds), plan.multiple, traded)


def _paused_rows(plan: PausePlan, universe: Universe) -> Sequence[int]:
    """The most traded Nasdaq-listed symbols: their silence is easy to see."""
    listed = (universe.tape == halts.NASDAQ_TAPE) & ~universe.is_test_issue
    busiest_first = np.argsort(-np.where(listed, universe.base_volume, -1.0), kind="stable")
    rows: list[int] = busiest_first[: min(plan.under_way + plan.count, int(listed.sum()))].tolist()
    return rows


def _pauses(plan: PausePlan, rows: Sequence[int], start_ms: int) -> Iterator[Halt]:
    step_ms = _ms(plan.every_seconds)
    for position, row in enumerate(rows[: plan.under_way]):
        end_ms = start_ms + _FIRST_REOPENING_MS + position * step_ms
        yield Halt(end_ms - halts.PAUSE_MS, end_ms, row)
    for position, row in enumerate(rows[plan.under_way :]):
        begin_ms = start_ms + _ms(plan.first_after_seconds) + position * step_ms
        yield Halt(begin_ms, begin_ms + halts.PAUSE_MS, row)


def _band_pressures(
    plan: PausePlan, pauses: Sequence[Halt], universe: Universe, path: IntradayPath
) -> Iterator[BandPressure]:
    """Pressures on the upper and the lower band in turn."""
    percentage = halts.band_percentage(path.previous_close, universe.tier)
    for position, pause in enumerate(pauses[plan.under_way :]):
        limit_state_ms = pause.start_ms - _ms(plan.limit_state_seconds)
        change = _WITHIN_BAND * float(percentage[pause.symbol_index]) * (1 if position % 2 == 0 else -1)
        yield BandPressure(
            pause.symbol_index,
            limit_state_ms - _ms(plan.approach_seconds),
            limit_state_ms,
            pause.end_ms,
            change,
        )


def _ms(seconds: float) -> int:
    return round(seconds * MS_PER_SECOND)
