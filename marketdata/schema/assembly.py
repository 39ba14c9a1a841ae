"""Combines and checks all declarations. Duplicates, and references to missing declarations, are refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.schema.boards import BOARDS, Board
from marketdata.schema.columns import ColumnInfo, Unit, names, shown_names
from marketdata.schema.streams import Stream
from marketdata.schema.symbol_feeds import SYMBOL_PLACEHOLDER, RowView, SymbolList

QUOTE: Final = f"quote:{SYMBOL_PLACEHOLDER}"
"""The feed of a symbol's whole row."""


class SchemaError(ConfigurationError):
    """A declaration contradicts another one. The message names both, their owners, and what is expected."""


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner of declarations, such as an analyzer. `columns` are its columns of the market table.

    `module` is the name of the module that has the declarations.
    """

    name: str
    columns: tuple[ColumnInfo, ...]
    streams: tuple[Stream, ...] = ()
    views: tuple[RowView, ...] = ()
    lists: tuple[SymbolList, ...] = ()
    module: str = ""

    def __str__(self) -> str:
        """The name and the module."""
        return f"{self.name!r} ({self.module})" if self.module else repr(self.name)


class Schema(msgspec.Struct, frozen=True, omit_defaults=True):
    """All declarations by owner, in the order in which clients get them."""

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
        """Every view of a row. The first is the view of the whole row, which has no owner."""
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
        """The names of all declared feeds."""
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
        """Every column of the table, the streams and the lists, by name."""
        of_streams = (column for stream in self.streams for column in stream.columns)
        of_lists = (column for each in self.lists for column in each.columns)
        return {column.name: column for column in (*self.table, *of_streams, *of_lists)}

    @property
    def shown(self) -> Mapping[str, ColumnInfo]:
        """The columns that are sent to clients."""
        return {name: column for name, column in self.columns.items() if column.shown}

    def board_columns(self, board: Board) -> tuple[str, ...]:
        """The names of the columns of a board, the most important first."""
        return board_columns(board, self.table)

    def stored_columns(self, board: Board) -> tuple[str, ...]:
        """The columns that are stored with a board: those that it shows, then the others that it carries."""
        return tuple(dict.fromkeys((*self.board_columns(board), *board.carries)))


def board_columns(board: Board, columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    """The names of the columns of a board: first the ranking column, then the others by their places."""
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
        SchemaError: a column, stream, board or feed is declared twice, is incomplete, or refers to a missing
            declaration.
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
    """Every declaration of a column with its owner; the columns of the table come first."""
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
            raise SchemaError(f"{where} is on board {name!r}; there are {', '.join(known)}")
    if column.boards and not column.shown:
        raise SchemaError(f"{where} is on a board: shown=False is for columns that no client gets")


def _check_alike(owners: Iterable[Owner]) -> None:
    """A column name has one declaration. A stream or a list may use a declaration of the table."""
    known: dict[str, tuple[str, ColumnInfo]] = {}
    for where, column in _declarations(owners):
        other, declared = known.setdefault(column.name, (where, column))
        if declared != column:
            raise SchemaError(
                f"{where} declares column {column.name!r} differently than {other}: "
                "use the existing declaration"
            )


def _check_stream(
    stream: Stream, owner: Owner, streams: Sequence[Stream], table: Mapping[str, ColumnInfo]
) -> None:
    where = f"stream {stream.name!r} of {owner}"
    if [each.name for each in streams].count(stream.name) > 1:
        raise SchemaError(f"{where} is declared twice: a stream has one owner and one declaration")
    for name in stream.circumstances:
        if name not in table:
            raise SchemaError(f"{where} has the circumstance {name!r}, which is no column of the table")
        if stream.entry_columns.count(name) > 1:
            raise SchemaError(f"{where} has {name!r} twice: once is enough")


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
    """The name of each feed, with the declaration that claims it."""
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
    for name in board.carries:
        if name not in table or not table[name].shown:
            raise SchemaError(
                f"board {board.name!r} carries {name!r}, which is no column that is shown; "
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
