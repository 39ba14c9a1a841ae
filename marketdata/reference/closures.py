"""Decides whether the exchange was closed on a date of the calendar, or only its bars are missing. No I/O.

No calendar lists an unscheduled closure (a storm, a day of mourning) in advance. An empty answer for a
session does not prove it: the provider may not have prepared that session yet. So a second kind of data must
agree: the minute bars of the most traded symbols, which are loaded for the volume curve in any case.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

import numpy as np

from marketdata.reference.volume_curve import MinuteVolumes
from marketdata.trading_calendar import TradingCalendar

MIN_WITNESSES: Final = 2
"""How many symbols' bars must skip the date. The most traded symbols trade in every minute of a session."""

_DAY: Final = dt.timedelta(days=1)


def confirmed_closures(
    empty: Iterable[dt.date],
    witnesses: Collection[MinuteVolumes],
    calendar: TradingCalendar,
    *,
    fewest: int = MIN_WITNESSES,
) -> frozenset[dt.date]:
    """The `empty` session dates on which the exchange was closed.

    `witnesses` are the minute bars of some symbols. Each witness with a bar must have traded before the date
    and after it, and not on it. So a date without later bars is not confirmed yet. At least `fewest`
    witnesses must agree, and none may disagree.
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
