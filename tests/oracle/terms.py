"""Section "Terms" of docs/metrics.md: what a day and its sessions are, and how absent values calculate."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

Event = Mapping[str, Any]
"""An event as the wire has it: its JSON object."""
Value = float | None
"""A number, or None for absent, which is not zero."""
Row = dict[str, Value]

NEW_YORK: Final = ZoneInfo("America/New_York")
MINUTE_MS: Final = 60_000
_AFTER_HOURS: Final = dt.timedelta(hours=4)

PRE_MARKET, REGULAR, AFTER_HOURS, NIGHT = range(4)
"""Sessions, by the numbers that an alert tells."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A trading day's instants, epoch milliseconds; each interval contains its start and not its end."""

    start_ms: int
    regular_open_ms: int
    regular_close_ms: int
    after_hours_end_ms: int
    next_start_ms: int

    def has(self, time_ms: int) -> bool:
        """Whether an instant belongs to it."""
        return self.start_ms <= time_ms < self.next_start_ms

    def session_at(self, time_ms: int) -> int:
        """The session of an instant."""
        if self.start_ms <= time_ms < self.regular_open_ms:
            return PRE_MARKET
        if self.regular_open_ms <= time_ms < self.regular_close_ms:
            return REGULAR
        return AFTER_HOURS if self.regular_close_ms <= time_ms < self.after_hours_end_ms else NIGHT


def day_of(date: str, following: str, *, closes_at: str = "16:00") -> Day:
    """The trading day of a session date, which ends when that of the `following` session date begins."""
    closes = new_york(date, closes_at)
    return Day(
        start_ms=epoch_ms(new_york(date, "04:00")),
        regular_open_ms=epoch_ms(new_york(date, "09:30")),
        regular_close_ms=epoch_ms(closes),
        after_hours_end_ms=epoch_ms(closes + _AFTER_HOURS),
        next_start_ms=epoch_ms(new_york(following, "04:00")),
    )


def new_york(date: str, time_of_day: str) -> dt.datetime:
    """An instant by its New York wall clock."""
    return dt.datetime.fromisoformat(f"{date}T{time_of_day}").replace(tzinfo=NEW_YORK)


def epoch_ms(instant: dt.datetime) -> int:
    """Epoch milliseconds of an instant."""
    return round(instant.timestamp() * 1_000)


def difference(left: Value, right: Value) -> Value:
    """`left - right`; absent when a part of it is."""
    return None if left is None or right is None else left - right


def product(left: Value, right: Value) -> Value:
    """`left x right`; absent when a part of it is."""
    return None if left is None or right is None else left * right


def quotient(dividend: Value, divisor: Value) -> Value:
    """`dividend / divisor`; absent when a part of it is, or the divisor is not positive."""
    return None if dividend is None or divisor is None or divisor <= 0 else dividend / divisor


def percentage(part: Value, whole: Value) -> Value:
    """`100 x part / whole`, under the rule of quotients."""
    ratio = quotient(part, whole)
    return None if ratio is None else 100 * ratio


def percent_change(value: Value, base: Value) -> Value:
    """`100 x (value - base) / base`, under the rule of quotients."""
    return percentage(difference(value, base), base)
