"""Chooses one row for each symbol from an answer, by the content of the rows and not by their order.

No I/O. Rows that are not used are counted by reason.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from marketdata.reference.facts import DailyBar, Float, ListedTicker, Snapshot
from marketdata.trading_calendar import TradingDay
from marketdata.units import NS_PER_MS

PRICE_ROUNDING: Final = 0.01
"""By what fraction a price may lie outside its bar's range: adjusted prices of cents are rounded coarsely."""

MAX_AHEAD_MS: Final = 5_000
"""How far a row's time may be ahead of the provider's time, which another machine gives in whole seconds."""

_DAY_MS: Final = 86_400_000
_NEVER: Final = dt.datetime.min.replace(tzinfo=dt.UTC)

Row = TypeVar("Row", DailyBar, Float, ListedTicker, Snapshot)


class Chosen(msgspec.Struct, Generic[Row], frozen=True):
    """One row for each symbol, and counts of the rows that are not used, by reason.

    `repeated`: another row is equal, newer or fuller. `contradictory`: the row contradicts itself, or an
    equally good row; then neither is used. The functions below name further reasons.
    """

    rows: Sequence[Row]
    left_out: Mapping[str, int] = {}


def bars_of_session(bars: Sequence[DailyBar], date: dt.date) -> Chosen[DailyBar]:
    """The bars of one session date. Of two bars of a symbol, the fuller one is used.

    The fuller bar has more fields that are known and plausible. Of equally full bars, the one with the
    greater volume is used. A bar whose session ended on another date is `stale`: the provider repeats an old
    answer.
    """
    left_out: Counter[str] = Counter()
    # From midnight UTC of the date to noon of the next: includes every usual way to label a New York session.
    first_ms = round(dt.datetime.combine(date, dt.time(), dt.UTC).timestamp() * 1_000)
    last_ms = first_ms + _DAY_MS + _DAY_MS // 2
    fitting = []
    for bar in bars:
        if bar.end_ms is not None and not first_ms <= bar.end_ms < last_ms:
            left_out["stale"] += 1
        elif not _is_consistent(bar):
            left_out["contradictory"] += 1
        else:
            fitting.append(bar)
    return _one_each(fitting, left_out, rank=_bar_rank, content=_bar_content)


def newest_floats(floats: Sequence[Float], today: dt.date) -> Chosen[Float]:
    """The float of each symbol with the newest effective date up to the day after `today`.

    A float of 0 shares is `unknown`, since the source uses 0 for that. A float with a later date is
    `not_yet`.
    """
    left_out: Counter[str] = Counter()
    last = today + dt.timedelta(days=1)
    fitting = []
    for row in floats:
        if not row.free_float > 0:
            left_out["unknown"] += 1
        elif row.effective_date is not None and row.effective_date > last:
            left_out["not_yet"] += 1
        else:
            fitting.append(row)
    return _one_each(
        fitting,
        left_out,
        rank=lambda row: row.effective_date or dt.date.min,
        content=lambda row: row.free_float,
    )


def newest_tickers(tickers: Sequence[ListedTicker], today: dt.date) -> Chosen[ListedTicker]:
    """The row of each symbol that was changed last. Of rows changed together, the one with the most facts.

    A change later than the day after `today` is impossible, so the age of such a row counts as unknown.
    """
    last = dt.datetime.combine(today + dt.timedelta(days=2), dt.time(), dt.UTC)
    return _one_each(
        tickers,
        Counter(),
        rank=lambda row: (
            row.updated if row.updated is not None and row.updated < last else _NEVER,
            sum(map(bool, (row.type, row.primary_exchange, row.name))),
        ),
        content=lambda row: row.facts(),
    )


def snapshots_of_day(snapshots: Sequence[Snapshot], day: TradingDay, answered_at_ms: int) -> Chosen[Snapshot]:
    """The rows of a snapshot that belong to a trading day, each judged by its own time.

    `answered_at_ms` is the provider's own time after it answered (epoch ms). A row with a later time is
    `contradictory`.

    A row without a time (0) belongs to a symbol that has not traded since the provider cleared its snapshot.
    The snapshot counts as cleared for this day if most rows with a time are of the day, since some symbols
    always trade. A row without a time must have no values of the day: otherwise it is `contradictory`. So is
    a row whose low is above its high.
    """
    left_out: Counter[str] = Counter()
    current = [row for row in snapshots if row.updated_ns and day.contains(row.updated_ns // NS_PER_MS)]
    timed = sum(row.updated_ns > 0 for row in snapshots)
    cleared = 2 * len(current) > timed
    left_out["stale"] = timed - len(current)
    last_ns = (answered_at_ms + MAX_AHEAD_MS) * NS_PER_MS
    plausible = [row for row in current if row.updated_ns <= last_ns]
    left_out["contradictory"] = len(current) - len(plausible)
    untimed = [row for row in snapshots if not row.updated_ns]
    if not cleared:
        left_out["stale"] += len(untimed)
        untimed = []
    fitting = []
    for row in (*plausible, *untimed):
        if _is_range(row.day.low, row.day.high) and (row.updated_ns or not row.day.high):
            fitting.append(row)
        else:
            left_out["contradictory"] += 1
    # A range cannot disappear within a day: so an older row with one is better than a newer row without one.
    return _one_each(
        fitting,
        left_out,
        rank=lambda row: (row.day.high > 0 and row.day.low > 0, row.updated_ns),
        content=lambda row: row,
    )


def _one_each(
    rows: Sequence[Row],
    left_out: Counter[str],
    *,
    rank: Callable[[Row], Any],
    content: Callable[[Row], object],
) -> Chosen[Row]:
    """The row of each symbol that ranks highest; none if the highest rows differ in content."""
    by_symbol: dict[str, Row] = {row.symbol: row for row in rows}
    if len(by_symbol) < len(rows):
        groups: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            groups[row.symbol].append(row)
        for symbol, group in groups.items():
            if len(group) == 1:
                continue
            highest = max(map(rank, group))
            best = [row for row in group if rank(row) == highest]
            if all(content(row) == content(best[0]) for row in best):
                by_symbol[symbol] = best[0]
                left_out["repeated"] += len(group) - 1
            else:
                del by_symbol[symbol]
                left_out["contradictory"] += len(group)
    return Chosen(list(by_symbol.values()), {reason: count for reason, count in left_out.items() if count})


def _bar_content(bar: DailyBar) -> object:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap


def _bar_rank(bar: DailyBar) -> tuple[int, float]:
    """How full a bar is: its known prices, volume, and plausible VWAP; then its volume."""
    has_vwap = bar.vwap is not None and bar.volume > 0 and bar.vwap > 0 and _is_within(bar, bar.vwap)
    return sum(map(bool, (bar.open, bar.high, bar.low, bar.close, bar.volume, has_vwap))), bar.volume


def _is_consistent(bar: DailyBar) -> bool:
    """Whether a bar's prices are consistent. The source uses 0 for a price that it does not know."""
    if not _is_range(bar.low, bar.high):
        return False
    return all(_is_within(bar, price) for price in (bar.open, bar.close) if price)


def _is_within(bar: DailyBar, price: float) -> bool:
    highest = bar.high * (1 + PRICE_ROUNDING) if bar.high else float("inf")
    return bar.low * (1 - PRICE_ROUNDING) <= price <= highest


def _is_range(low: float, high: float) -> bool:
    return not high or low <= high * (1 + PRICE_ROUNDING)
