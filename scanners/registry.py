"""Which queue holds which events, and which analyzers take them: the one place to add an analyzer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from marketdata.codec import AGGREGATES, PRICE_BANDS, QUOTES, TRADES, EventDecoder
from marketdata.reference.assembly import COLUMNS as REFERENCE_COLUMNS
from marketdata.transport.queues import QueueName
from scanners.analyzers import bars, daily_range, halts, leaderboard, quotes, trades
from scanners.analyzers.base import Analyzer
from scanners.analyzers.columns import Instants, Lines


class Route(msgspec.Struct, frozen=True):
    """The way of a queue's events: how they are decoded, when they happened, their numbers, their takers."""

    queue: QueueName
    decoder: EventDecoder[Any]
    event_times_ms: Callable[[Sequence[Any]], Instants]
    lines: Callable[[Sequence[Any], Instants], Lines]
    analyzers: tuple[Analyzer[Any], ...]


RECEIVED_COLUMN = "received_timestamp"
"""When the last event of a row came from the provider, epoch ms."""

CIRCUMSTANCE_COLUMNS = (
    "close",
    "pct_change",
    "pct_change_since_open",
    "accumulated_volume",
    "relative_volume",
    "aggregate_vwap",
    "avg_volume",
    "free_float",
    "prev_day_close",
)
"""What a line of a stream tells of its symbol beside what happened, as of the tick that published it."""


def routes() -> Sequence[Route]:
    """All routes, with analyzers of their own."""
    return (
        Route(
            QueueName.AGGREGATE,
            AGGREGATES,
            bars.event_times_ms,
            bars.bar_lines,
            (leaderboard.LeaderboardAnalyzer(), daily_range.DailyRangeAnalyzer()),
        ),
        Route(
            QueueName.TRADES, TRADES, trades.event_times_ms, trades.trade_lines, (trades.TradesAnalyzer(),)
        ),
        Route(
            QueueName.QUOTES, QUOTES, quotes.event_times_ms, quotes.quote_lines, (quotes.QuotesAnalyzer(),)
        ),
        Route(QueueName.HALTS, PRICE_BANDS, halts.event_times_ms, halts.band_lines, (halts.HaltsAnalyzer(),)),
    )


def table_columns(all_routes: Iterable[Route]) -> Sequence[str]:
    """The schema of the market table: each analyzer's columns side by side, the reference data, the stamp."""
    owned = [name for route in all_routes for analyzer in route.analyzers for name in analyzer.columns]
    return (*owned, *REFERENCE_COLUMNS, RECEIVED_COLUMN)


def table_sheets(all_routes: Iterable[Route]) -> Mapping[str, Sequence[str]]:
    """The sheets of the market table, with the columns of each."""
    return {
        name: columns
        for route in all_routes
        for analyzer in route.analyzers
        for name, columns in analyzer.sheets.items()
    }


def streams(all_routes: Iterable[Route]) -> Sequence[str]:
    """Every stream to which an analyzer emits."""
    return tuple(
        dict.fromkeys(stream for route in all_routes for each in route.analyzers for stream in each.streams)
    )
