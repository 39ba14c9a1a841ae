"""The columns that the leaderboards rank and show: the newest bar of each symbol, and changes.

Aggregates have cumulative fields, so the newest bar is enough: the bar that ends last, and of those the one
that starts last. A late bar changes nothing. A bar that is sent again (same start and end) replaces the one
before.

"Since open" compares with the open of the day's first bar from 04:00 New York on. From 09:30 on it compares
with the official open, and until that is known with the open of the first bar that starts at 09:30 or later.
docs/metrics.md defines every column.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from marketdata.payloads import Column
from marketdata.schema import ColumnInfo, Unit, names
from marketdata.schema.boards import ALL_BOARDS, GAPS, MOVERS, PRICE_BOARDS, at
from scanners.analysis import bars
from scanners.analysis.bars import BAR_COLUMNS, BAR_POSITIONS, END, START
from scanners.analysis.contract import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analysis.vectors import newest_per_row, percent_change, quotient
from scanners.analyzers.leaderboard import opens, windows
from scanners.rows import Rows
from scanners.table import MarketTable

_CHANGES: Final = (
    ColumnInfo(
        "change",
        "Change",
        Unit.DOLLARS,
        "Price less the previous day's close",
        definition="`close - prev_day_close`",
        signed=True,
        boards=at(70, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "pct_change",
        "Change %",
        Unit.PERCENT,
        "Change in percent of the previous day's close",
        short="Chg %",
        definition="`100 x change / prev_day_close`",
        signed=True,
        boards=at(30, *ALL_BOARDS),
    ),
    ColumnInfo(
        "change_since_open",
        "Change since open",
        Unit.DOLLARS,
        "Price less the day's official open",
        short="Open chg",
        definition="`close -` the official open, or, until that is known, the session open; absent when "
        "the newest bar started before the last reset",
        signed=True,
        boards=at(170, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "pct_change_since_open",
        "Change since open %",
        Unit.PERCENT,
        "Change in percent of the open",
        short="Open %",
        definition="`100 x change_since_open /` the same open",
        signed=True,
        boards=at(80, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "gap_pct",
        "Gap %",
        Unit.PERCENT,
        "Opening in percent above or below the previous close",
        definition="`100 x (opening - prev_day_close) / prev_day_close`, where *opening* is, once the "
        "regular open is reached, the official open or, until that is known, the session open "
        "(so it is absent until the symbol trades); before, `close`",
        signed=True,
        boards=at(40, *GAPS),
    ),
)
_RATIOS: Final = (
    ColumnInfo(
        "relative_volume",
        "Relative volume",
        Unit.RATIO,
        "Today's volume as a multiple of the average",
        short="Rel vol",
        definition="`accumulated_volume / avg_volume`, the naive ratio that existing clients know: small "
        "in the morning by construction",
        boards=at(50, *ALL_BOARDS),
    ),
    ColumnInfo(
        "relative_volume_at_time",
        "Relative volume now",
        Unit.RATIO,
        "Today's volume as a multiple of what is usual by this time of day",
        short="RV now",
        definition="`accumulated_volume / (avg_volume x share)`, where *share* is the volume curve at the "
        "newest bar's end",
        boards=at(100, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "float_rotation",
        "Float rotation",
        Unit.RATIO,
        "How often the float was traded today",
        short="Rotation",
        definition="`accumulated_volume / free_float`",
        boards=at(200, *PRICE_BOARDS),
    ),
)
_VWAP_DISTANCE: Final = ColumnInfo(
    "vwap_distance_pct",
    "From VWAP %",
    Unit.PERCENT,
    "Price in percent above or below the VWAP",
    short="VWAP %",
    definition="`100 x (close - aggregate_vwap) / aggregate_vwap`",
    signed=True,
    boards=at(210, *MOVERS),
)


class LeaderboardAnalyzer(Analyzer):
    """Second and minute aggregates to bars and changes. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "leaderboard"
    columns: Final = (
        bars.PRICE,
        *_CHANGES,
        bars.DAY_VOLUME,
        *_RATIOS,
        bars.DAY_VWAP,
        _VWAP_DISTANCE,
        *windows.COLUMNS,
        *opens.COLUMNS,
        *bars.NEWEST_SECOND,
    )
    written_together: Final = BAR_COLUMNS
    private_columns: Final = MappingProxyType({**opens.PRIVATE_COLUMNS, **windows.PRIVATE_COLUMNS})

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply bars.

        Only the last step writes the newest bars of the group. The steps before it compare the group with the
        newest bars before the group, and do not depend on each other.
        """
        rows, values = group.rows, group.values
        held = (table["end_timestamp"], table["start_timestamp"])
        newest = newest_per_row(rows, (values[END], values[START]), held)
        opens.note(table, rows, values, newest, phase)
        windows.remember(table, rows, values)
        table.write(table.columns(BAR_COLUMNS), rows[newest], values[BAR_POSITIONS, newest])
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Compute changes from the previous close and since the open, ratios of volume, and the windows."""
        _derive_changes(table, rows, phase)
        _derive_ratios(table, rows, phase)
        windows.derive(table, rows, phase)

    def start_regular_session(self, table: MarketTable) -> None:
        """Begin changes since the open again. Volume, high and low of the pre-market are kept."""
        table.clear(names(opens.COLUMNS))


def _derive_changes(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """Compute changes from the previous close, the open and the average price, in dollars and percent."""
    close, previous_close = table["close"][rows], table["prev_day_close"][rows]
    opened_at, average_price = _open_price(table, rows, phase), table["aggregate_vwap"][rows]
    table["change"][rows] = close - previous_close
    table["pct_change"][rows] = percent_change(close, previous_close)
    table["change_since_open"][rows] = close - opened_at
    table["pct_change_since_open"][rows] = percent_change(close, opened_at)
    table["gap_pct"][rows] = percent_change(_opening(table, rows, phase), previous_close)
    table["vwap_distance_pct"][rows] = percent_change(close, average_price)


def _derive_ratios(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """Compute the day's volume relative to a usual day, to what is usual by this time, and to the float."""
    volume, average = table["accumulated_volume"][rows], table["avg_volume"][rows]
    usual = average * phase.usual_share(table["end_timestamp"][rows])
    table["relative_volume"][rows] = quotient(volume, average)
    table["relative_volume_at_time"][rows] = quotient(volume, usual)
    table["float_rotation"][rows] = quotient(volume, table["free_float"][rows])


def _opening(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """The price at which the gap is measured: the regular open, and before it the newest price."""
    official = table["official_open_price"][rows]
    until_known = table["session_open_price" if phase.regular_session_reached else "close"][rows]
    return np.where(np.isnan(official), until_known, official)


def _open_price(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """The price that "since open" compares with; absent for a symbol without a trade since the last reset."""
    official = table["official_open_price"][rows]
    price = np.where(np.isnan(official), table["session_open_price"][rows], official)
    price[~(table["start_timestamp"][rows] >= phase.open_reset_ms)] = np.nan
    return price
