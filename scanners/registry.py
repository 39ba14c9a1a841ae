"""Which analyzers process the events of which queue. A new analyzer is added to `routes`.

The other functions collect what the analyzers declare: the schema, the columns of the market table, and the
streams.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.reference.columns import REFERENCE
from marketdata.schema import ColumnInfo, Owner, Schema, SchemaError, Unit, assemble, checked_columns, names
from marketdata.transport.queues import QueueName
from scanners.analysis import bars
from scanners.analysis.contract import Analyzer, EventTime
from scanners.analyzers import daily_range, halts, leaderboard, quotes, trades


class Route(msgspec.Struct, frozen=True):
    """How the events of one queue are processed.

    `columns` are the fields to decode, by their names in `marketdata.events`: the provider's decoder returns
    one array for each. `time` says which of them has the time of each event. `analyzers` process the decoded
    events, in this order.

    Raises:
        SchemaError: the column of the time is not one of the columns.
    """

    queue: QueueName
    columns: tuple[str, ...]
    time: EventTime
    analyzers: tuple[Analyzer, ...]

    def __post_init__(self) -> None:
        """Refuse a time that is not read."""
        if self.time.column not in self.columns:
            raise SchemaError(
                f"events of {self.queue} have their time in {self.time.column!r}; "
                f"expected: one of the columns {', '.join(self.columns)}"
            )


RECEIVED: Final = ColumnInfo(
    "received_timestamp",
    "Received",
    Unit.EPOCH_MS,
    "When the newest data came from the provider",
    definition="when the platform received the newest of the symbol's events of the day, of whatever kind",
)
RECEIVED_COLUMN: Final = RECEIVED.name


def routes() -> Sequence[Route]:
    """All routes. Each call makes new analyzers: each shard needs its own, because analyzers keep state."""
    return (
        Route(
            QueueName.AGGREGATE,
            bars.EVENT_COLUMNS,
            bars.EVENT_TIME,
            (leaderboard.LeaderboardAnalyzer(), daily_range.DailyRangeAnalyzer()),
        ),
        Route(QueueName.TRADES, trades.EVENT_COLUMNS, trades.EVENT_TIME, (trades.TradesAnalyzer(),)),
        Route(QueueName.QUOTES, quotes.EVENT_COLUMNS, quotes.EVENT_TIME, (quotes.QuotesAnalyzer(),)),
        Route(QueueName.HALTS, halts.EVENT_COLUMNS, halts.EVENT_TIME, (halts.HaltsAnalyzer(),)),
    )


def owners(all_routes: Iterable[Route]) -> Sequence[Owner]:
    """Each owner of columns with its declarations. Clients receive the columns in the order of the owners.

    An owner is an analyzer, the reference data, or `arrival`, which has the column `received_timestamp`
    alone. `arrival` is second: its column follows those of the newest bar.
    """
    analyzers = [
        Owner(
            analyzer.name,
            analyzer.columns,
            analyzer.streams,
            analyzer.views,
            analyzer.lists,
            module=type(analyzer).__module__,
        )
        for route in all_routes
        for analyzer in route.analyzers
    ]
    return (*analyzers[:1], Owner("arrival", (RECEIVED,), module=__name__), *analyzers[1:], REFERENCE)


def schema(all_routes: Iterable[Route]) -> Schema:
    """The schema of all columns, boards and streams, from the declarations of the analyzers.

    Raises:
        SchemaError: two declarations contradict each other, or one names a board that does not exist.
    """
    return assemble(owners(all_routes))


def table_columns(all_routes: Collection[Route]) -> Sequence[str]:
    """The columns of the market table, in their order there.

    The columns that an analyzer writes together come first and are neighbours, so that one operation writes
    all of them. All others follow.

    Raises:
        SchemaError: a column has two owners, or an analyzer writes a column that it does not declare.
    """
    columns = names(checked_columns(owners(all_routes)))
    together: list[str] = []
    for analyzer in (each for route in all_routes for each in route.analyzers):
        if undeclared := set(analyzer.written_together) - set(names(analyzer.columns)):
            raise SchemaError(
                f"{analyzer.name!r} writes {', '.join(sorted(undeclared))} together with its columns: "
                "written_together takes names of its own columns"
            )
        together += analyzer.written_together
    return (*together, *(name for name in columns if name not in together))


def table_private_columns(all_routes: Iterable[Route]) -> Mapping[str, Sequence[str]]:
    """The private columns of the market table: name of each group -> names of its columns."""
    return {
        name: columns
        for route in all_routes
        for analyzer in route.analyzers
        for name, columns in analyzer.private_columns.items()
    }


def streams(all_routes: Iterable[Route]) -> Sequence[str]:
    """The names of all streams to which the analyzers emit entries."""
    return tuple(
        dict.fromkeys(
            stream.name for route in all_routes for each in route.analyzers for stream in each.streams
        )
    )
