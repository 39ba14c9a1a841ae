"""The rows of answers as JSON and as CSV, with the same numbers."""

import csv
import io
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from widgets.protocol import VERSION_1, EmittedRows
from widgets.protocol.v2 import row_lists

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins with one of them for a formula."""


def rows_part(rows: EmittedRows, part: slice, columns: Sequence[str]) -> EmittedRows:
    """Some of the rows, with some of the columns. All of both are the same object, whose text is shared.

    Columns that the rows lack are left out.
    """
    names = tuple(name for name in columns if name in rows.columns)
    first, last, _ = part.indices(len(rows.symbols))
    if names == rows.columns and (first, last) == (0, len(rows.symbols)):
        return rows
    places = [rows.columns.index(name) for name in names]
    decimals = tuple(rows.decimals[place] for place in places)
    return EmittedRows(
        rows.symbols[part], names, decimals, rows.values[part][:, np.array(places, dtype=np.intp)]
    )


def json_rows(rows: EmittedRows) -> msgspec.Raw:
    """An array of objects: `symbol`, and a member for each column."""
    return VERSION_1.rows_text(rows)


def csv_rows(rows: EmittedRows) -> bytes:
    """A CSV file (RFC 4180, UTF-8) with a line of names. An absent value is an empty field.

    Numbers are written as in JSON. An apostrophe stands before a text that a spreadsheet would take for a
    formula.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("symbol", *rows.columns))
    for symbol, *values in row_lists(rows):
        numbers = msgspec.json.encode(values).decode()[1:-1].split(",") if values else []
        writer.writerow((_harmless(symbol), *("" if number == "null" else number for number in numbers)))
    return text.getvalue().encode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
