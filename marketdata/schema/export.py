"""Writes the schema as JSON, as TypeScript, and as the tables of docs/metrics.md. No I/O."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from marketdata.schema.assembly import Owner, Schema, SchemaError
from marketdata.schema.boards import Board, Direction
from marketdata.schema.columns import ColumnInfo, names, shown_names
from marketdata.schema.symbol_feeds import SymbolList

_decoder: Final = msgspec.json.Decoder(Schema)

_UNIT_TEXTS: Final = {
    "dollars": "dollars",
    "percent": "%",
    "ratio": "multiple",
    "shares": "shares",
    "fractional_shares": "shares",
    "count": "count",
    "epoch_ms": "epoch ms",
    "duration_ms": "ms",
    "code": "code",
}
_MARKED: Final = re.compile(r"(<!-- schema: (\w+) -->\n)(.*?)(<!-- end of schema -->)", re.DOTALL)
_OTHER_OWNERS: Final = "other_owners"
_TYPESCRIPT_HEAD: Final = """\
// Written by `make schema` from what the analyzers declare. Do not edit.

/** The unit of the numbers of a column. */
export type Unit =
  | {units};

/** A column as users see it. */
export interface Column {{
  readonly name: ColumnName;
  readonly label: string;
  /** The label for narrow screens. */
  readonly shortLabel: string;
  readonly unit: Unit;
  /** A change, which is shown with its sign and coloured by it. */
  readonly signed: boolean;
  readonly description: string;
  /** The meanings of the numbers of a code; empty for other columns. */
  readonly codes: ReadonlyMap<number, string>;
}}
"""


def encode_schema(schema: Schema) -> bytes:
    """The schema as JSON with one value on each line, so that differences are easy to read."""
    return msgspec.json.format(msgspec.json.encode(schema, enc_hook=dict), indent=1) + b"\n"


def decode_schema(data: bytes) -> Schema:
    """The schema in data that `encode_schema` wrote.

    Raises:
        SchemaError: the data is not a schema; the message says what to do.
    """
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise SchemaError(
            f"schema.json cannot be read ({error}): write it anew with `make schema`"
        ) from error


def typescript(schema: Schema) -> str:
    """The schema for the browser code: the shown columns, the columns of each board, and symbol feeds."""
    columns = {name: _fields(column) for name, column in schema.shown.items()}
    symbol_feeds = [*(view.feed for view in schema.views), *(each.feed for each in schema.lists)]
    boards = {board.name: json.dumps(schema.board_columns(board)) for board in schema.boards}
    parts = (
        _TYPESCRIPT_HEAD.format(units=_union(_UNIT_TEXTS)),
        f"export type ColumnName =\n  | {_union(columns)};\n",
        "export const COLUMNS: Readonly<Record<ColumnName, Column>> = " + _record(columns),
        "/** The columns of each board by importance; the ranking column is first. */\n"
        "export const BOARD_COLUMNS: Readonly<Record<string, readonly ColumnName[]>> = " + _record(boards),
        "/** Feeds of one symbol, which replaces `{symbol}`. */\n"
        "export type SymbolFeed =\n  | " + _union(symbol_feeds) + ";\n",
    )
    return "\n".join(parts)


def _union(texts: Iterable[str]) -> str:
    return "\n  | ".join(json.dumps(text) for text in texts)


def _record(entries: Mapping[str, str]) -> str:
    return "{\n" + "".join(f"  {json.dumps(name)}: {value},\n" for name, value in entries.items()) + "};\n"


def _fields(column: ColumnInfo) -> str:
    codes = ", ".join(f"[{code}, {json.dumps(text)}]" for code, text in column.codes.items())
    fields = (
        f"name: {json.dumps(column.name)}",
        f"label: {json.dumps(column.label)}",
        f"shortLabel: {json.dumps(column.short_label)}",
        f"unit: {json.dumps(column.unit.value)}",
        f"signed: {json.dumps(column.signed)}",
        f"description: {json.dumps(column.description)}",
        f"codes: new Map([{codes}])",
    )
    return "{\n" + "".join(f"    {field},\n" for field in fields) + "  }"


def with_tables(page: str, schema: Schema) -> str:
    """The page with new tables between its marks.

    `<!-- schema: NAME -->` and `<!-- end of schema -->` enclose a table. NAME is an owner, `boards`,
    `streams`, `symbol_feeds`, `lists`, or `other_owners` (the owners without marks of their own).

    Raises:
        SchemaError: a mark names neither an owner nor one of the other tables, or marks are missing.
    """
    owners = {owner.name: owner for owner in schema.owners}
    marked = [name for _, name, _, _ in _MARKED.findall(page)]
    general: Mapping[str, Callable[[], str]] = {
        "boards": lambda: _boards_table(schema),
        "streams": lambda: _streams_table(schema),
        "symbol_feeds": lambda: _symbol_feeds_table(schema),
        "lists": lambda: "".join(_list_table(each) for each in schema.lists),
        _OTHER_OWNERS: lambda: _other_tables([each for name, each in owners.items() if name not in marked]),
    }
    if missing := general.keys() - set(marked):
        raise SchemaError(f"the page has no mark <!-- schema: {min(missing)} -->, or no end of it")

    def table(match: re.Match[str]) -> str:
        name = match[2]
        if name in general:
            return match[1] + general[name]() + match[4]
        if name not in owners:
            known = ", ".join((*owners, *general))
            raise SchemaError(f"<!-- schema: {name} --> names no owner of columns; there are {known}")
        return match[1] + _columns_table(owners[name].columns) + match[4]

    return _MARKED.sub(table, page)


def _columns_table(columns: Iterable[ColumnInfo]) -> str:
    lines = ["| column | title | unit | definition |", "|---|---|---|---|"]
    for column in columns:
        title = column.label + (f" ({column.short})" if column.short else "")
        codes = ", ".join(f"{code} {text}" for code, text in column.codes.items())
        definition = column.definition + (f". Codes: {codes}" if codes else "")
        unit = _UNIT_TEXTS[column.unit]
        lines.append(f"| `{column.name}` | {title if column.shown else '-'} | {unit} | {_cell(definition)} |")
    return "\n".join(lines) + "\n"


def _boards_table(schema: Schema) -> str:
    lines = ["| feed | title | who competes | order | columns |", "|---|---|---|---|---|"]
    for board in schema.boards:
        columns = ", ".join(f"`{name}`" for name in schema.board_columns(board))
        lines.append(f"| `{board.name}` | {board.label} | {_competes(board)} | {_order(board)} | {columns} |")
    return "\n".join(lines) + "\n"


def _competes(board: Board) -> str:
    above = " above 0" if board.only_above_zero else ""
    return f"every symbol with `{board.ranked_by}`{above}"


def _order(board: Board) -> str:
    return "highest first" if board.direction is Direction.HIGHEST_FIRST else "lowest first"


def _streams_table(schema: Schema) -> str:
    lines = ["| stream | feed | what happened | columns |", "|---|---|---|---|"]
    titles: dict[tuple[str, ...], str] = {}
    for stream in schema.streams:
        declared = names(stream.columns)
        columns = ", ".join(f"`{name}`" for name in (*declared, *stream.own_circumstances))
        feed = f"`{stream.feed}`" if stream.feed else "-"
        lines.append(f"| `{stream.name}` | {feed} | {stream.description} | {columns} |")
        title = f"**{stream.label}**"
        titles[declared] = f"{titles[declared]}, {title}" if declared in titles else title
    return "\n".join(lines) + "\n" + "".join(_entry_table(schema, *each) for each in titles.items())


def _entry_table(schema: Schema, columns: tuple[str, ...], title: str) -> str:
    """The columns that only entries have. Those of the market table have their definitions there."""
    of_table = names(schema.table)
    own = [schema.columns[name] for name in columns if name not in of_table]
    return f"\n{title}:\n\n{_columns_table(own)}"


def _symbol_feeds_table(schema: Schema) -> str:
    lines = ["| feed | title | what it shows | columns |", "|---|---|---|---|"]
    for view in schema.views:
        is_whole = view.columns == shown_names(schema.table)
        columns = "every column with a title" if is_whole else ", ".join(f"`{name}`" for name in view.columns)
        lines.append(f"| `{view.feed}` | {view.label} | {view.description} | {columns} |")
    for each in schema.lists:
        columns = ", ".join(f"`{name}`" for name in names(each.columns))
        lines.append(f"| `{each.feed}` | {each.label} | {each.description} | {columns} |")
    return "\n".join(lines) + "\n"


def _list_table(declared: SymbolList) -> str:
    title = f"**{declared.label}** (`{declared.feed}`): {declared.description}."
    return f"{title}\n\n{_columns_table(declared.columns)}"


def _other_tables(owners: Iterable[Owner]) -> str:
    return "".join(f"### {owner.name}\n\n{_columns_table(owner.columns)}\n" for owner in owners)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
