"""Reads the boundaries of the trading day and its market sessions from the environment."""

import datetime as dt
from typing import Final

from marketdata.trading_calendar import SessionBoundaries
from mdp_site.env import Environment, rejection

USUAL: Final = SessionBoundaries()
REGULAR_OPEN: Final = dt.time(9, 30)


def read_market_hours(env: Environment) -> SessionBoundaries:
    """The boundaries from `MARKET_DAY_START`, `MARKET_PRE_MARKET_START` and `MARKET_AFTER_HOURS_END`.

    The regular session, holidays and early closes come from the exchange's calendar.

    Raises:
        ConfigurationError: a boundary contradicts another one; the message names the variable and what is
            accepted.
    """
    after_hours_end = env.time_of_day(
        "MARKET_AFTER_HOURS_END", USUAL.after_hours_end, earliest=USUAL.regular_close
    )
    pre_market_start = env.time_of_day("MARKET_PRE_MARKET_START", USUAL.pre_market_start, latest=REGULAR_OPEN)
    day_start = env.time_of_day("MARKET_DAY_START", USUAL.day_start)
    if pre_market_start < day_start < after_hours_end:
        accepted = (
            f"hours and minutes up to {pre_market_start:%H:%M} (MARKET_PRE_MARKET_START), "
            f"or of the evening before from {after_hours_end:%H:%M} (MARKET_AFTER_HOURS_END)"
        )
        raise rejection("MARKET_DAY_START", f"{day_start:%H:%M}", accepted)
    return SessionBoundaries(
        day_start=day_start, pre_market_start=pre_market_start, after_hours_end=after_hours_end
    )
