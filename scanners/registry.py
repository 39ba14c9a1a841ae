"""Which queue holds which events, and which analyzers take them: the one place to add an analyzer.

The market table, the streams and the schema follow from what the analyzers declare.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.codec import Lines
from marketdata.reference.columns import REFERENCE
from marketdata.schema import ColumnInfo, Owner, Schema, SchemaError, Unit, assemble, checked_columns, names
from marketdata.transport.queues import QueueName
from scanners.analysis import bars
from scanners.analysis.contract import Analyzer
from scanners.analysis.vectors import Instants
from scanners.analyzers import daily_range, halts, leaderboard, quotes, trades


class Route(msgspec.Struct, frozen=True):
    """The way of a queue's events: which columns are read of them, when they happened, who takes them.

    `columns` are names of `marketdata.events`. The provider's decoder gives one line of numbers for each.
    """

    queue: QueueName
    columns: tuple[str, ...]
    event_times_ms: Callable[[Lines], Instants]
    analyzers: tuple[Analyzer, ...]


RECEIVED: Final = ColumnInfo(
    "received_timestamp",
    "Received",
    Unit.EPOCH_MS,
    "When the newest data came from the provider",
    definition="when the platform received the newest of the symbol's events of the day, of whatever kind",
)
RECEIVED_COLUMN: Final = RECEIVED.name


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


def owners(all_routes: Iterable[Route]) -> Sequence[Owner]:
    """Everybody who declares columns, with what each declares; clients have the columns in this order.

    When the newest data arrived stands behind the columns of the first analyzer, those of the newest bar.
    """
    analyzers = [
        Owner(
            analyzer.name,
            analyzer.columns,
            analyzer.streams,
            analyzer.views,
            analyzer.lists,
            place=type(analyzer).__module__,
        )
        for route in all_routes
        for analyzer in route.analyzers
    ]
    return (*analyzers[:1], Owner("arrival", (RECEIVED,), place=__name__), *analyzers[1:], REFERENCE)


def schema(all_routes: Iterable[Route]) -> Schema:
    """All that the platform tells, as the analyzers of these routes declare it.

    Raises:
        SchemaError: a declaration contradicts another one, or names a board that does not exist.
    """
    return assemble(owners(all_routes))


def table_columns(all_routes: Collection[Route]) -> Sequence[str]:
    """The columns of the market table: first those that are written together, then all others.

    Raises:
        SchemaError: a column has two owners, or an analyzer writes what it does not declare.
    """
    columns = names(checked_columns(owners(all_routes)))
    together: list[str] = []
    for analyzer in (each for route in all_routes for each in route.analyzers):
        if strangers := set(analyzer.written_together) - set(names(analyzer.columns)):
            raise SchemaError(
                f"{analyzer.name!r} writes {', '.join(sorted(strangers))} together with its columns: "
                "written_together takes names of its own columns"
            )
        together += analyzer.written_together
    return (*together, *(name for name in columns if name not in together))


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
        dict.fromkeys(
            stream.name for route in all_routes for each in route.analyzers for stream in each.streams
        )
    )
