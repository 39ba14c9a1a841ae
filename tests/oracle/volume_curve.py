"""The volume curve of docs/metrics.md: what the market has usually traded by an instant."""

from collections.abc import Sequence

import msgspec

from tests.oracle.terms import MINUTE_MS, Day, Value

_FULL_DAY_MS = 16 * 60 * MINUTE_MS


class Curve(msgspec.Struct, frozen=True):
    """`shares[i]` is the part traded in the first `i` minutes of a full day; linear in between."""

    shares: Sequence[float]

    def share_at(self, time_ms: int, day: Day) -> Value:
        """The part traded by an instant of a day; a day that closes early has another shape."""
        if day.after_hours_end_ms - day.start_ms != _FULL_DAY_MS:
            return None
        minute, rest_ms = divmod(max(0, time_ms - day.start_ms), MINUTE_MS)
        if minute >= len(self.shares) - 1:
            return self.shares[-1]
        before, after = self.shares[minute : minute + 2]
        return before + (after - before) * rest_ms / MINUTE_MS
