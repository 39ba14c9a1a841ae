"""Which rows of an answer are used: one for each symbol, chosen by what it says and not by where it stands.

Pure functions. What is not used is counted by a word for why.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from marketdata.reference.facts import DailyBar, Float, ListedTicker, Snapshot
from marketdata.trading_calendar import TradingDay

PRICE_ROUNDING: Final = 0.01
"""By what share a price may lie outside of its bar's range: adjusted prices of cents are rounded coarsely."""

AHEAD_MS: Final = 5_000
"""How far a row's time may be ahead of the provider's own, which another machine tells in whole seconds."""

_DAY_MS: Final = 86_400_000
_NS_PER_MS: Final = 1_000_000
_NEVER: Final = dt.datetime.min.replace(tzinfo=dt.UTC)

Row = TypeVar("Row", DailyBar, Float, ListedTicker, Snapshot)


class Chosen(msgspec.Struct, Generic[Row], frozen=True):
    """One row for each symbol, and how many others there were, by why they are not used.

    `repeated`: another row says the same, or is newer or fuller. `contradictory`: it contradicts itself, or
    another of which nothing tells that it is better; then none of the two is used.
    """

    rows: Sequence[Row]
    left_out: Mapping[str, int] = {}


def bars_of_session(bars: Sequence[DailyBar], date: dt.date) -> Chosen[DailyBar]:
    """The bars of one session date. Of two of a symbol the fuller one: the one with more facts that are known
    and sane; of equally full ones that with the greater volume.

    A bar that tells an end of its session on another date is `stale`: the answer to an earlier question.
    """
    left_out: Counter[str] = Counter()
    # From midnight UTC of the date to noon of the next: every way to label a session in New York.
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
    return _one_each(fitting, left_out, rank=_bar_rank, says=_bar_says)


def newest_floats(floats: Sequence[Float], today: dt.date) -> Chosen[Float]:
    """The float of each symbol with the newest effective date up to the day after `today`.

    A float of 0 shares is the source's word for one that it does not know, and `unknown`.
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
        says=lambda row: row.free_float,
    )


def newest_tickers(tickers: Sequence[ListedTicker], today: dt.date) -> Chosen[ListedTicker]:
    """The row of each symbol that was changed last; of those changed together the one with the most facts.

    A change later than the day after `today` has not been: nothing is known of such a row's age.
    """
    last = dt.datetime.combine(today + dt.timedelta(days=2), dt.time(), dt.UTC)
    return _one_each(
        tickers,
        Counter(),
        rank=lambda row: (
            row.updated if row.updated is not None and row.updated < last else _NEVER,
            sum(map(bool, (row.type, row.primary_exchange, row.name))),
        ),
        says=lambda row: row.facts(),
    )


def snapshots_of_day(snapshots: Sequence[Snapshot], day: TradingDay, told_ms: int) -> Chosen[Snapshot]:
    """The rows of a snapshot that are of a trading day, each judged by its own time.

    `told_ms` is the provider's own time after it answered (epoch ms): a change later than this has not been,
    and the row is `contradictory`.

    A row without a time (0) is of a symbol that has not traded since the provider cleared its snapshot. That
    it was cleared for this day is believed when most of the rows with a time are of the day: some always
    trade. Such a row has no day yet; what it says of one is `contradictory`, as is a range upside down.
    """
    left_out: Counter[str] = Counter()
    current = [row for row in snapshots if row.updated_ns and day.contains(row.updated_ns // _NS_PER_MS)]
    timed = sum(row.updated_ns > 0 for row in snapshots)
    cleared = 2 * len(current) > timed
    left_out["stale"] = timed - len(current)
    last_ns = (told_ms + AHEAD_MS) * _NS_PER_MS
    told = [row for row in current if row.updated_ns <= last_ns]
    left_out["contradictory"] = len(current) - len(told)
    untimed = [row for row in snapshots if not row.updated_ns]
    if not cleared:
        left_out["stale"] += len(untimed)
        untimed = []
    fitting = []
    for row in (*told, *untimed):
        if _is_range(row.day.low, row.day.high) and (row.updated_ns or not row.day.high):
            fitting.append(row)
        else:
            left_out["contradictory"] += 1
    # A range does not go away within a day: a newer row without one is less than an older one with it.
    return _one_each(
        fitting,
        left_out,
        rank=lambda row: (row.day.high > 0 and row.day.low > 0, row.updated_ns),
        says=lambda row: row,
    )


def _one_each(
    rows: Sequence[Row],
    left_out: Counter[str],
    *,
    rank: Callable[[Row], Any],
    says: Callable[[Row], object],
) -> Chosen[Row]:
    """The row of each symbol that ranks highest; none where the highest say different things."""
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
            if all(says(row) == says(best[0]) for row in best):
                by_symbol[symbol] = best[0]
                left_out["repeated"] += len(group) - 1
            else:
                del by_symbol[symbol]
                left_out["contradictory"] += len(group)
    return Chosen(list(by_symbol.values()), {reason: count for reason, count in left_out.items() if count})


def _bar_says(bar: DailyBar) -> object:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap


def _bar_rank(bar: DailyBar) -> tuple[int, float]:
    """How much a bar tells: its prices, a volume, and a mean price that what was traded can have had."""
    has_vwap = bar.vwap is not None and bar.volume > 0 and bar.vwap > 0 and _is_within(bar, bar.vwap)
    return sum(map(bool, (bar.open, bar.high, bar.low, bar.close, bar.volume, has_vwap))), bar.volume


def _is_consistent(bar: DailyBar) -> bool:
    """Whether a bar's prices fit together; 0 is the source's word for a price that it does not know."""
    if not _is_range(bar.low, bar.high):
        return False
    return all(_is_within(bar, price) for price in (bar.open, bar.close) if price)


def _is_within(bar: DailyBar, price: float) -> bool:
    highest = bar.high * (1 + PRICE_ROUNDING) if bar.high else float("inf")
    return bar.low * (1 - PRICE_ROUNDING) <= price <= highest


def _is_range(low: float, high: float) -> bool:
    return not high or low <= high * (1 + PRICE_ROUNDING)
