"""Trading days and sessions of the US stock market.

`calendar` computes them from an instant and a table of sessions, without I/O. `exchange` reads that table
from the exchange's calendar, and is the only module here that loads pandas.
"""

from marketdata.trading_calendar.calendar import (
    CalendarRangeError,
    MarketSession,
    SessionBoundaries,
    SessionHours,
    TradingCalendar,
    TradingDay,
)

__all__ = [
    "CalendarRangeError",
    "MarketSession",
    "SessionBoundaries",
    "SessionHours",
    "TradingCalendar",
    "TradingDay",
]
