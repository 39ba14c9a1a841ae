"""The two open prices of a symbol from which changes "since the open" are measured.

The *session open* is the open of the earliest bar since the last reset. The *official open* is a field of the
bars from some time after 09:30 on: the newest bar that has it counts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.codec import EventMatrix
from marketdata.payloads import Column
from marketdata.schema import ColumnInfo, Unit
from marketdata.schema.boards import PRICE_BOARDS, at
from scanners.analysis.bars import END, OFFICIAL_OPEN, OPEN, START
from scanners.analysis.contract import MarketPhase
from scanners.analysis.vectors import newest_per_row
from scanners.rows import Rows
from scanners.table import MarketTable

COLUMNS: Final = (
    ColumnInfo(
        "official_open_price",
        "Open",
        Unit.DOLLARS,
        "Official opening price of the day",
        definition="official open of the newest bar that starts at or after the regular open and has one "
        "above 0; absent before the regular open",
        boards=at(160, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "session_open_price",
        "Session open",
        Unit.DOLLARS,
        "What changes since the open are measured from until the official open is known",
        definition="open of the earliest bar since the last reset: the start of the day, and from the "
        "regular open on the regular open",
        shown=False,
    ),
    ColumnInfo(
        "session_open_timestamp",
        "Session open at",
        Unit.EPOCH_MS,
        "When the session open was traded",
        definition="start of the same bar as `session_open_price`",
        shown=False,
    ),
)

_OFFICIAL_GROUP: Final = "official_open"
_END_POSITION: Final = 0

PRIVATE_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {_OFFICIAL_GROUP: ("end_timestamp", "start_timestamp")}
)
"""Times of the bar that has the official open, if it is not the newest bar. Nearly always it is."""


def note(table: MarketTable, rows: Rows, bars: EventMatrix, newest: Rows, phase: MarketPhase) -> None:
    """Update both open prices, before the newest bars are written to the table.

    `newest`: the indices of the bars that will be the newest of their symbols.
    """
    _note_session_open(table, rows, bars, phase)
    _note_official_open(table, rows, bars, newest, phase)


def _note_session_open(table: MarketTable, rows: Rows, bars: EventMatrix, phase: MarketPhase) -> None:
    """Keep the open of the earliest bar since the last reset. The same bar, sent again, replaces it."""
    start = bars[START]
    earlier = (start >= phase.open_reset_ms) & ~(start > table["session_open_timestamp"][rows])
    if not earlier.any():
        return
    candidates = np.flatnonzero(earlier)
    candidates = candidates[np.argsort(-start[candidates], kind="stable")]
    table["session_open_price"][rows[candidates]] = bars[OPEN, candidates]
    table["session_open_timestamp"][rows[candidates]] = start[candidates]
    table.mark(rows[candidates])


def _note_official_open(
    table: MarketTable, rows: Rows, bars: EventMatrix, newest: Rows, phase: MarketPhase
) -> None:
    """Keep the official open of the newest bar that has one. A bar before the regular open has none."""
    has_official = (bars[OFFICIAL_OPEN] > 0) & (bars[START] >= phase.day.regular_open_ms)
    official = table["official_open_price"]
    is_known = ~np.isnan(official[rows])
    if not (has_official.any() or is_known.any()):
        return
    is_of_newest = np.isnan(table.private_columns[_OFFICIAL_GROUP].values[_END_POSITION, rows])
    is_plain = has_official & is_known & is_of_newest
    if not is_plain.all():
        unclear = np.zeros(len(table), dtype=np.bool_)
        unclear[rows[~is_plain]] = True
        chosen = unclear[rows]
        _compare(table, rows[chosen], bars[:, chosen], has_official[chosen])
        newest = newest[~chosen[newest]]
    official[rows[newest]] = bars[OFFICIAL_OPEN, newest]


def _compare(table: MarketTable, rows: Rows, bars: EventMatrix, has_official: NDArray[np.bool_]) -> None:
    """Compare all bars of symbols whose newest bar may not be the one with the official open."""
    official, of_bar = table["official_open_price"], table.private_columns[_OFFICIAL_GROUP].values
    distinct = np.unique(rows)
    before = of_bar[:, distinct]
    newest_bar = np.array([table["end_timestamp"], table["start_timestamp"]])
    implied = distinct[np.isnan(before[_END_POSITION]) & ~np.isnan(official[distinct])]
    of_bar[:, implied] = newest_bar[:, implied]
    _keep_newest(of_bar, rows[has_official], bars[:, has_official], official)
    _keep_newest(newest_bar, rows, bars)
    is_of_newest = (of_bar[:, distinct] == newest_bar[:, distinct]).all(axis=0)
    of_bar[:, distinct[is_of_newest]] = np.nan
    table.mark(rows[has_official])
    if not np.array_equal(before, of_bar[:, distinct], equal_nan=True):
        table.private_columns[_OFFICIAL_GROUP].mark()


def _keep_newest(held: EventMatrix, rows: Rows, bars: EventMatrix, official: Column | None = None) -> None:
    """Put end and start of each row's newest bar into `held`, and its official open into `official`."""
    keys = bars[[END, START]]
    newest = newest_per_row(rows, (keys[0], keys[1]), (held[0], held[1]))
    held[:, rows[newest]] = keys[:, newest]
    if official is not None:
        official[rows[newest]] = bars[OFFICIAL_OPEN, newest]
