"""Decides which clock is right: the provider's or this machine's.

The provider's own address serves the real market: its time must agree with this machine's clock. Any other
address (a simulator, a replay) has its own clock, and its time is accepted: its market may be on another day,
and run faster.
"""

import datetime as dt
from typing import Final
from urllib.parse import urlsplit

from marketdata.errors import ContentError
from marketdata.observability import metrics
from marketdata.units import MS_PER_SECOND

VENDOR_HOSTS: Final = frozenset({"api.massive.com", "api.polygon.io"})
TOLERANCE_MS: Final = 5 * 60_000
"""How far the provider's time may differ from ours, because of the answer's delay and inexact clocks."""

EARLIEST_MS: Final = round(dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp() * MS_PER_SECOND)
LATEST_MS: Final = round(dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp() * MS_PER_SECOND)
"""The bounds of any valid market time, also of a replay."""


def has_own_clock(rest_url: str) -> bool:
    """Whether the market behind an address of a REST service may be at another time than this machine."""
    return urlsplit(rest_url).hostname not in VENDOR_HOSTS


def checked_time_ms(market_time_ms: int, *, rest_url: str, now_ms: int) -> int:
    """The market time of a REST service, checked; both times are epoch milliseconds.

    Raises:
        ContentError: with reason `market_time`: the time is refused.
    """
    reason = ""
    if not EARLIEST_MS <= market_time_ms < LATEST_MS:
        reason = "impossible"
    elif not has_own_clock(rest_url):
        ahead_ms = market_time_ms - now_ms
        if abs(ahead_ms) > TOLERANCE_MS:
            reason = "ahead" if ahead_ms > 0 else "behind"
    if not reason:
        return market_time_ms
    metrics.PROVIDER_TIMES_REFUSED.labels(reason=reason).inc()
    shown = dt.datetime.fromtimestamp(market_time_ms / MS_PER_SECOND, tz=dt.UTC).isoformat(timespec="seconds")
    raise ContentError("market_time", f"the provider's time {shown} is {reason}, by this machine's clock")
