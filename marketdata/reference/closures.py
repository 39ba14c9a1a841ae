"""Whether the exchange was closed on a date of the calendar, or its bars are merely missing. Pure.

An unscheduled closure (a storm, a day of mourning) is in no calendar that was made before it, and an empty
answer for a session looks the same as one that the provider has not finished. So a second kind of answer has
to agree: the minute bars of the market's most traded symbols, which the volume curve is learned from anyway.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

import numpy as np

from marketdata.reference.volume_curve import MinuteVolumes
from marketdata.trading_calendar import TradingCalendar

FEWEST_WITNESSES: Final = 2
"""Symbols whose bars must skip the date; the most traded of the market trade every minute."""

_DAY: Final = dt.timedelta(days=1)


def confirmed_closures(
    empty: Iterable[dt.date],
    witnesses: Collection[MinuteVolumes],
    calendar: TradingCalendar,
    *,
    fewest: int = FEWEST_WITNESSES,
) -> frozenset[dt.date]:
    """Those of the `empty` session dates that were no sessions.

    Each witness with a bar must have traded before the date and after it, and not on it; a date after which
    none has a bar yet is not decided. At least `fewest` witnesses have to say so, and none may object.
    """
    traded = [witness.start_ms[witness.volume > 0] for witness in witnesses]
    return frozenset(date for date in empty if _is_skipped(date, traded, calendar, fewest))


def _is_skipped(
    date: dt.date,
    traded: Iterable[np.ndarray[tuple[int], np.dtype[np.int64]]],
    calendar: TradingCalendar,
    fewest: int,
) -> bool:
    first_ms = calendar.instant_ms(date, dt.time())
    last_ms = calendar.instant_ms(date + _DAY, dt.time())
    skipping = 0
    for start_ms in traded:
        if not len(start_ms):
            continue
        if ((start_ms >= first_ms) & (start_ms < last_ms)).any():
            return False
        if not (start_ms < first_ms).any() or not (start_ms >= last_ms).any():
            return False
        skipping += 1
    return skipping >= fewest
