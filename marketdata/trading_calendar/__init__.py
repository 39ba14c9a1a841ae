"""Sessions of the US stock market as pure functions of an instant and a table of session dates.

`calendar.py` decides and knows no library; `exchange.py` reads the table from the exchange's own
calendar and is the only module here that loads pandas.
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
