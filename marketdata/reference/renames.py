"""Finds symbols that were renamed since the previous session, so that they keep their history.

A company that takes another ticker overnight stays the same security, and its share class keeps its FIGI.
Yesterday's bars have the old symbol, which is not in today's list of tickers. The new symbol is in the list
and has no bars.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from marketdata.errors import MarketDataError
from marketdata.observability.logs import get_logger
from marketdata.reference.daily_metrics import SessionPanel
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Snapshot, Split

Row = TypeVar("Row", DailyBar, Float, Snapshot, Split)

log = get_logger(__name__)


async def find_renames(
    panel: SessionPanel,
    session: int,
    listed: Sequence[ListedTicker],
    look_up: Callable[[str], Awaitable[ListedTicker | None]],
    *,
    max_requests: int,
) -> Mapping[str, str]:
    """New names by old ones. `look_up` returns the facts about a symbol on the date of `session`.

    `session` is the row of the panel's newest session.
    """
    by_figi = dict(new_names(panel, listed))
    renames: dict[str, str] = {}
    for symbol in vanished_symbols(panel, session, listed)[:max_requests] if by_figi else ():
        try:
            before = await look_up(symbol)
        except MarketDataError as error:
            # The requests run one after the other, and a failure takes long. So the first failure ends the
            # search.
            log.warning("symbols that are not listed are not explained", symbol=symbol, detail=str(error))
            break
        if before is not None and before.share_class_figi in by_figi:
            renames[symbol] = by_figi.pop(before.share_class_figi)
    if renames:
        log.info("symbols have another name since the previous session", renames=renames)
    return renames


def vanished_symbols(panel: SessionPanel, session: int, listed: Iterable[ListedTicker]) -> Sequence[str]:
    """Symbols that traded in a session of the panel and are not listed now, greatest dollar volume first."""
    names = {row.symbol for row in listed}
    dollars = np.nan_to_num(panel.close[session] * panel.volume[session])
    order = np.argsort(-dollars, kind="stable").tolist()
    return [
        panel.symbols[column]
        for column in order
        if dollars[column] > 0 and panel.symbols[column] not in names
    ]


def new_names(panel: SessionPanel, listed: Iterable[ListedTicker]) -> Mapping[str, str]:
    """Listed symbols without a bar in the panel, by the FIGI of their share class. Omits shared FIGIs."""
    known = set(panel.symbols)
    found: dict[str, str] = {}
    shared: set[str] = set()
    for row in listed:
        if row.share_class_figi and row.symbol not in known:
            if row.share_class_figi in found:
                shared.add(row.share_class_figi)
            found[row.share_class_figi] = row.symbol
    return {figi: symbol for figi, symbol in found.items() if figi not in shared}


def renamed_panel(panel: SessionPanel, renames: Mapping[str, str]) -> SessionPanel:
    """The panel with the bars of the old names (keys) under the new names (values)."""
    symbols = tuple(renames.get(symbol, symbol) for symbol in panel.symbols)
    return msgspec.structs.replace(panel, symbols=symbols)


def renamed_rows(rows: Sequence[Row], renames: Mapping[str, str]) -> Sequence[Row]:
    """The rows with new names. A row keeps its old name if the new name has a row of its own."""
    present = {row.symbol for row in rows}
    return [
        msgspec.structs.replace(row, symbol=renames[row.symbol])
        if row.symbol in renames and renames[row.symbol] not in present
        else row
        for row in rows
    ]
