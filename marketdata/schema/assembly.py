"""All declarations put together, and checked: what is declared twice or refers to nothing is refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.schema.boards import BOARDS, Board
from marketdata.schema.columns import ColumnInfo, Unit, names, shown_names
from marketdata.schema.streams import CIRCUMSTANCES, Stream
from marketdata.schema.symbol_feeds import SYMBOL_PLACE, RowView, SymbolList

QUOTE: Final = f"quote:{SYMBOL_PLACE}"
"""The feed of a symbol's whole row."""


class SchemaError(ConfigurationError):
    """A declaration contradicts another one. The message says which, whose, and what is expected."""


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who declares, such as an analyzer. `columns` are its columns of the market table.

    `place` is the module in which it declares them, as Python imports it.
    """

    name: str
    columns: tuple[ColumnInfo, ...]
    streams: tuple[Stream, ...] = ()
    views: tuple[RowView, ...] = ()
    lists: tuple[SymbolList, ...] = ()
    place: str = ""

    def __str__(self) -> str:
        """The name, and where to look."""
        return f"{self.name!r} ({self.place})" if self.place else repr(self.name)


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that is declared, by owner, in the order in which clients have it."""

    owners: tuple[Owner, ...]
    boards: tuple[Board, ...] = BOARDS

    @property
    def table(self) -> tuple[ColumnInfo, ...]:
        """The columns of the market table."""
        return tuple(column for owner in self.owners for column in owner.columns)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every stream."""
        return tuple(stream for owner in self.owners for stream in owner.streams)

    @property
    def views(self) -> tuple[RowView, ...]:
        """Every view of a row: first the whole one, which is nobody's own."""
        quote = RowView(
            feed=QUOTE,
            label="Quote",
            description="All columns that are shown to clients",
            columns=shown_names(self.table),
        )
        return (quote, *(view for owner in self.owners for view in owner.views))

    @property
    def lists(self) -> tuple[SymbolList, ...]:
        """Every list of a symbol."""
        return tuple(each for owner in self.owners for each in owner.lists)

    @property
    def feeds(self) -> tuple[str, ...]:
        """The names of all feeds that are declared here."""
        return tuple(feed for feed, _claim in _claimed_feeds(self))

    def symbol_list(self, feed: str) -> SymbolList:
        """The list that a feed shows.

        Raises:
            SchemaError: no list has the feed.
        """
        for each in self.lists:
            if each.feed == feed:
                return each
        raise SchemaError(
            f"no list has the feed {feed!r}; there are {', '.join(each.feed for each in self.lists)}"
        )

    @property
    def columns(self) -> Mapping[str, ColumnInfo]:
        """Every column, of the table, the streams and the lists, by its name."""
        of_streams = (column for stream in self.streams for column in stream.columns)
        of_lists = (column for each in self.lists for column in each.columns)
        return {column.name: column for column in (*self.table, *of_streams, *of_lists)}

    @property
    def shown(self) -> Mapping[str, ColumnInfo]:
        """Those of the columns that clients are sent."""
        return {name: column for name, column in self.columns.items() if column.shown}

    def board_columns(self, board: Board) -> tuple[str, ...]:
        """The names of the columns of a board, the most important first."""
        return board_columns(board, self.table)


def board_columns(board: Board, columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    """The names of the columns of a board: the one that ranks it, then by their places."""
    placed = [column for column in columns if board.name in column.boards]
    placed.sort(key=lambda column: column.boards[board.name])
    return tuple(dict.fromkeys((board.ranked_by, *names(placed))))


def checked_columns(owners: Sequence[Owner]) -> tuple[ColumnInfo, ...]:
    """The columns of the market table, each of which has one owner.

    Raises:
        SchemaError: a column is declared twice; the message says where.
    """
    place_of: dict[str, str] = {}
    for owner in owners:
        for number, name in enumerate(names(owner.columns), start=1):
            place = f"by {owner} as its column {number}"
            if name in place_of:
                raise SchemaError(
                    f"column {name!r} is declared twice, {place_of[name]} and {place}: "
                    "a column has one owner and one declaration"
                )
            place_of[name] = place
    return tuple(column for owner in owners for column in owner.columns)


def assemble(owners: Iterable[Owner], boards: Sequence[Board] = BOARDS) -> Schema:
    """The whole schema.

    Raises:
        SchemaError: a column, stream, board or feed is declared twice, is incomplete, or names what is not
            there.
    """
    schema = Schema(tuple(owners), tuple(boards))
    table = {column.name: column for column in checked_columns(schema.owners)}
    for where, column in _declarations(schema.owners):
        _check_column(column, where, schema.boards)
    _check_alike(schema.owners)
    for owner in schema.owners:
        for stream in owner.streams:
            _check_stream(stream, owner, schema.streams, table)
        for view in owner.views:
            _check_view(view, owner, table)
    for board in schema.boards:
        _check_board(board, table, schema.boards)
    _check_feeds(schema)
    return schema


def _declarations(owners: Iterable[Owner]) -> Iterator[tuple[str, ColumnInfo]]:
    """Every declaration of a column, with whose it is: those of the table first."""
    owners = tuple(owners)
    for owner in owners:
        for column in owner.columns:
            yield str(owner), column
    for owner in owners:
        for stream in owner.streams:
            for column in stream.columns:
                yield f"stream {stream.name!r} of {owner}", column
        for each in owner.lists:
            for column in each.columns:
                yield f"list {each.feed!r} of {owner}", column


def _check_column(column: ColumnInfo, owner: str, boards: Sequence[Board]) -> None:
    where = f"column {column.name!r} of {owner}"
    for field in ("name", "label", "description", "definition"):
        if not getattr(column, field):
            raise SchemaError(f"{where} has no {field}: every column needs one")
    if (column.unit is Unit.CODE) != bool(column.codes):
        raise SchemaError(f"{where}: codes belong to Unit.CODE, which needs them; its unit is {column.unit}")
    known = [board.name for board in boards]
    for name in column.boards:
        if name not in known:
            raise SchemaError(f"{where} stands on board {name!r}; there are {', '.join(known)}")
    if column.boards and not column.shown:
        raise SchemaError(f"{where} stands on a board: shown=False is for columns that nobody sees")


def _check_alike(owners: Iterable[Owner]) -> None:
    """A name has one declaration; a stream or a list may use one that there is."""
    known: dict[str, tuple[str, ColumnInfo]] = {}
    for where, column in _declarations(owners):
        other, declared = known.setdefault(column.name, (where, column))
        if declared != column:
            raise SchemaError(
                f"{where} declares column {column.name!r} differently than {other}: "
                "use the declaration that there is"
            )


def _check_stream(
    stream: Stream, owner: Owner, streams: Sequence[Stream], table: Mapping[str, ColumnInfo]
) -> None:
    where = f"stream {stream.name!r} of {owner}"
    if [each.name for each in streams].count(stream.name) > 1:
        raise SchemaError(f"{where} is declared twice: a stream has one owner and one declaration")
    for name in CIRCUMSTANCES:
        if name not in table:
            raise SchemaError(f"{where} tells the circumstance {name!r}, which is no column of the table")


def _check_view(view: RowView, owner: Owner, table: Mapping[str, ColumnInfo]) -> None:
    where = f"view {view.feed!r} of {owner}"
    for name in view.columns:
        if name not in table or not table[name].shown:
            raise SchemaError(f"{where} shows {name!r}, which is no column of the table that is shown")
        if view.columns.count(name) > 1:
            raise SchemaError(f"{where} shows {name!r} twice: once is enough")


def _check_feeds(schema: Schema) -> None:
    claims: dict[str, str] = {}
    for feed, claim in _claimed_feeds(schema):
        if feed in claims:
            raise SchemaError(
                f"feed {feed!r} is claimed by {claims[feed]} and by {claim}: a feed shows one thing"
            )
        claims[feed] = claim


def _claimed_feeds(schema: Schema) -> Iterator[tuple[str, str]]:
    """The names of all feeds, with what claims each."""
    for board in schema.boards:
        yield board.name, f"board {board.label!r}"
    yield QUOTE, "the whole row"
    for owner in schema.owners:
        for stream in owner.streams:
            if stream.feed:
                yield stream.feed, f"stream {stream.name!r} of {owner}"
        for view in owner.views:
            yield view.feed, f"view {view.label!r} of {owner}"
        for each in owner.lists:
            yield each.feed, f"list {each.label!r} of {owner}"


def _check_board(board: Board, table: Mapping[str, ColumnInfo], boards: Sequence[Board]) -> None:
    if [each.name for each in boards].count(board.name) > 1:
        raise SchemaError(f"board {board.name!r} is declared twice: a board has a name of its own")
    ranking = table.get(board.ranked_by)
    if ranking is None or not ranking.shown:
        raise SchemaError(
            f"board {board.name!r} is ranked by {board.ranked_by!r}, which is no column that is shown; "
            f"there are {', '.join(name for name, column in table.items() if column.shown)}"
        )
    holder: dict[int, str] = {}
    for column in table.values():
        place = column.boards.get(board.name)
        if place is not None and holder.setdefault(place, column.name) != column.name:
            raise SchemaError(
                f"columns {holder[place]!r} and {column.name!r} have both place {place} on board "
                f"{board.name!r}: give each its own"
            )
