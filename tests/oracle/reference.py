"""Section "Reference data" of docs/metrics.md: what is known of symbols and market before the day."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tests.oracle.terms import Day, Row
from tests.oracle.volume_curve import Curve

OF_THE_DAY: Final = ("snapshot_high", "snapshot_low")
"""Facts that tell of the day on which they were asked for, and of no other."""

OUTDATED: Final = (
    "prev_day_open", "prev_day_high", "prev_day_low", "prev_day_close", "prev_day_volume", "prev_day_vwap",
    "prev_day_short_sale_restricted", "split_ratio",
)  # fmt: skip
"""Facts that are wrong on a later day than that for which they were asked."""


class ReferenceData(msgspec.Struct, frozen=True, kw_only=True):
    """Facts by symbol, as of an instant of a trading day (epoch ms; 0: of no day), and the volume curve."""

    rows: Mapping[str, Row]
    as_of_ms: int
    curve: Curve | None = None

    def facts(self, symbol: str, day: Day) -> Row:
        """What is known of a symbol on a day."""
        row = self.rows.get(symbol, {})
        hidden: tuple[str, ...] = () if day.has(self.as_of_ms) else OF_THE_DAY
        if 0 < self.as_of_ms < day.start_ms:
            hidden = (*OF_THE_DAY, *OUTDATED)
        return {name: value for name, value in row.items() if name not in hidden}
