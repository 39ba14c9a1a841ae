"""Which queue holds which events, and which analyzers take them: the one place to add an analyzer."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from marketdata.codec import Lines
from marketdata.reference.assembly import COLUMNS as REFERENCE_COLUMNS
from marketdata.transport.queues import QueueName
from scanners.analyzers import bars, daily_range, halts, leaderboard, quotes, trades
from scanners.analyzers.base import Analyzer
from scanners.analyzers.columns import Instants


class Route(msgspec.Struct, frozen=True):
    """The way of a queue's events: which columns are read of them, when they happened, who takes them.

    `columns` are names of `marketdata.events`. The provider's decoder gives one line of numbers for each.
    """

    queue: QueueName
    columns: tuple[str, ...]
    event_times_ms: Callable[[Lines], Instants]
    analyzers: tuple[Analyzer, ...]


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
            bars.LINES,
            bars.event_times_ms,
            (leaderboard.LeaderboardAnalyzer(), daily_range.DailyRangeAnalyzer()),
        ),
        Route(QueueName.TRADES, trades.LINES, trades.event_times_ms, (trades.TradesAnalyzer(),)),
        Route(QueueName.QUOTES, quotes.LINES, quotes.event_times_ms, (quotes.QuotesAnalyzer(),)),
        Route(QueueName.HALTS, halts.LINES, halts.event_times_ms, (halts.HaltsAnalyzer(),)),
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
