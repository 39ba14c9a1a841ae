"""Assembles the provider's facts into one row block of reference data. No I/O; NumPy columns."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.payloads import Column, RowBlock
from marketdata.reference.columns import COLUMNS, PREVIOUS_SESSION_COLUMNS
from marketdata.reference.daily_metrics import (
    SessionPanel,
    average_true_range,
    average_volumes,
    previous_session_restricted,
)
from marketdata.reference.facts import Float, Snapshot
from marketdata.reference.splits import adjusted_float, is_in_shares_of
from marketdata.reference.tickers import Ticker, nasdaq_listed, ticker_type_code
from marketdata.trading_calendar import TradingDay

PRODUCER: Final = "reference"


class MarketFacts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """All facts about the market for one trading day. A part that could not be loaded is empty.

    `panel`: daily bars, in the shares of the day.
    `split_ratios`: splits of the day. `doubtful_splits`: symbols whose split ratio of the day is unknown.
    `knows_splits`: False if the splits could not be loaded, so that any symbol may split.
    `floats`, `snapshot`: one row for each symbol; the snapshot is of the day.
    """

    day: TradingDay
    panel: SessionPanel
    floats: Sequence[Float] = ()
    tickers: Mapping[str, Ticker] = {}
    split_ratios: Mapping[str, float] = {}
    doubtful_splits: frozenset[str] = frozenset()
    knows_splits: bool = True
    snapshot: Sequence[Snapshot] = ()


def assemble(facts: MarketFacts, *, epoch: int, published_ns: int, market_time_ms: int) -> RowBlock:
    """One row for each symbol in any source, in the order of the symbols. NaN where no source has a value."""
    sources = (
        facts.panel.symbols,
        facts.tickers,
        (row.symbol for row in facts.floats),
        (row.symbol for row in facts.snapshot),
    )
    symbols = tuple(sorted({symbol for source in sources for symbol in source}))
    row_of = {symbol: index for index, symbol in enumerate(symbols)}
    columns = {name: np.full(len(symbols), np.nan) for name in COLUMNS}
    _fill_from_panel(columns, row_of, facts.panel)
    _fill_from_snapshot(columns, row_of, facts)
    _fill(columns["free_float"], row_of, _floats(facts))
    tickers = facts.tickers.items()
    types = {symbol: ticker_type_code(ticker.type) for symbol, ticker in tickers}
    exchanges = {symbol: nasdaq_listed(ticker.primary_exchange) for symbol, ticker in tickers}
    _fill(columns["ticker_type"], row_of, types)
    _fill(columns["nasdaq_listed"], row_of, exchanges)
    ratios = {symbol: ratio for symbol, ratio in facts.split_ratios.items() if symbol in row_of}
    _fill(columns["split_ratio"], row_of, ratios)
    return RowBlock(
        producer=PRODUCER,
        epoch=epoch,
        tick=1,
        published_ns=published_ns,
        received_ns=0,
        market_time_ms=market_time_ms,
        symbols=symbols,
        columns=columns,
    )


def _fill_from_panel(columns: Mapping[str, Column], row_of: Mapping[str, int], panel: SessionPanel) -> None:
    if not len(panel.available):
        return
    rows = np.fromiter((row_of[symbol] for symbol in panel.symbols), np.intp, len(panel.symbols))
    fields = (panel.open, panel.high, panel.low, panel.close, panel.volume, panel.vwap)
    for name, matrix in zip(PREVIOUS_SESSION_COLUMNS, fields, strict=True):
        columns[name][rows] = matrix[-1]
    columns["avg_volume"][rows] = average_volumes(panel)
    columns["average_true_range"][rows] = average_true_range(panel)
    columns["prev_day_short_sale_restricted"][rows] = previous_session_restricted(panel)


def _fill_from_snapshot(columns: Mapping[str, Column], row_of: Mapping[str, int], facts: MarketFacts) -> None:
    """Today's range, and the previous day of symbols without a bar of the previous session."""
    traded = [row for row in facts.snapshot if row.day.high > 0]
    _fill(columns["snapshot_high"], row_of, {row.symbol: row.day.high for row in traded})
    _fill(columns["snapshot_low"], row_of, {row.symbol: row.day.low for row in traded if row.day.low > 0})
    without_bar = np.isnan(columns["prev_day_close"])
    for row in facts.snapshot:
        # The provider does not document whether a snapshot's previous day is adjusted for today's splits.
        if (
            row.previous_day.close > 0
            and without_bar[row_of[row.symbol]]
            and row.symbol not in facts.split_ratios
            and row.symbol not in facts.doubtful_splits
        ):
            day = row.previous_day
            prices = [price or np.nan for price in (day.open, day.high, day.low, day.close, day.vwap)]
            values = (*prices[:4], day.volume, prices[4])
            for name, value in zip(PREVIOUS_SESSION_COLUMNS, values, strict=True):
                columns[name][row_of[row.symbol]] = value


def _floats(facts: MarketFacts) -> Mapping[str, float]:
    ratios, date = facts.split_ratios, facts.day.date
    return {
        row.symbol: adjusted_float(row, ratios.get(row.symbol), date)
        for row in facts.floats
        if is_in_shares_of(row, date) or (facts.knows_splits and row.symbol not in facts.doubtful_splits)
    }


def _fill(column: Column, row_of: Mapping[str, int], values: Mapping[str, float]) -> None:
    rows = np.fromiter((row_of[symbol] for symbol in values), dtype=np.intp, count=len(values))
    column[rows] = np.fromiter(values.values(), dtype=np.float64, count=len(values))
