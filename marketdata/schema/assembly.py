"""All declarations put together, and checked: what is declared twice or refers to nothing is refused."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.schema.boards import BOARDS, Board
from marketdata.schema.columns import ColumnInfo, Unit, names
from marketdata.schema.streams import CIRCUMSTANCES, Stream


class SchemaError(ConfigurationError):
    """A declaration contradicts another one. The message says which, whose, and what is expected."""


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who declares, such as an analyzer. `columns` are its columns of the market table."""

    name: str
    columns: tuple[ColumnInfo, ...]
    streams: tuple[Stream, ...] = ()


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
    def columns(self) -> Mapping[str, ColumnInfo]:
        """Every column, of the table and of the streams, by its name."""
        of_streams = (column for stream in self.streams for column in stream.columns)
        return {column.name: column for column in (*self.table, *of_streams)}

    def owner(self, name: str) -> Owner:
        """The owner of a name."""
        return next(owner for owner in self.owners if owner.name == name)

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
        SchemaError: a column is declared twice.
    """
    owner_of: dict[str, str] = {}
    for owner in owners:
        for name in names(owner.columns):
            if name in owner_of:
                raise SchemaError(
                    f"column {name!r} of {owner.name!r} is declared by {owner_of[name]!r} already: "
                    "a column has one owner and one declaration"
                )
            owner_of[name] = owner.name
    return tuple(column for owner in owners for column in owner.columns)


def assemble(owners: Iterable[Owner], boards: Sequence[Board] = BOARDS) -> Schema:
    """The whole schema.

    Raises:
        SchemaError: a column or a stream is declared twice, is incomplete, or stands where nothing is.
    """
    schema = Schema(tuple(owners), tuple(boards))
    table = {column.name: column for column in checked_columns(schema.owners)}
    for owner in schema.owners:
        for column in owner.columns:
            _check_column(column, owner, schema.boards)
        for stream in owner.streams:
            for column in stream.columns:
                _check_column(column, owner, schema.boards)
            _check_stream(stream, owner, schema, table)
    for board in schema.boards:
        _check_board(board, table, schema.boards)
    return schema


def _check_column(column: ColumnInfo, owner: Owner, boards: Sequence[Board]) -> None:
    where = f"column {column.name!r} of {owner.name!r}"
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


def _check_stream(stream: Stream, owner: Owner, schema: Schema, table: Mapping[str, ColumnInfo]) -> None:
    where = f"stream {stream.name!r} of {owner.name!r}"
    if [each.name for each in schema.streams].count(stream.name) > 1:
        raise SchemaError(f"{where} is declared twice: a stream has one owner and one declaration")
    feeds = [each.feed for each in schema.streams if each.feed]
    if feeds.count(stream.feed) > 1:
        raise SchemaError(f"{where} has the feed {stream.feed!r} of another stream: a feed shows one stream")
    for column in stream.columns:
        if schema.columns[column.name] != column or table.get(column.name, column) != column:
            raise SchemaError(
                f"{where} declares column {column.name!r} differently: use the declaration that there is"
            )
    for name in CIRCUMSTANCES:
        if name not in table:
            raise SchemaError(f"{where} tells the circumstance {name!r}, which is no column of the table")


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
