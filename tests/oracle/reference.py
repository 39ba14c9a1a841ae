"""Section "Reference data" of docs/metrics.md: what is known of symbols and market before the day."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tests.oracle.terms import Day, Row
from tests.oracle.volume_curve import Curve

OF_THE_DAY: Final = ("snapshot_high", "snapshot_low")
"""Facts that tell of the day on which they were asked for, and of no other."""


class ReferenceData(msgspec.Struct, frozen=True, kw_only=True):
    """Facts by symbol, as of an instant of a trading day (epoch milliseconds), and the volume curve."""

    rows: Mapping[str, Row]
    as_of_ms: int
    curve: Curve | None = None

    def facts(self, symbol: str, day: Day) -> Row:
        """What is known of a symbol on a day."""
        row = self.rows.get(symbol, {})
        hidden = () if day.has(self.as_of_ms) else OF_THE_DAY
        return {name: value for name, value in row.items() if name not in hidden}
