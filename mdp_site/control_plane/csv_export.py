"""Rows as CSV (RFC 4180) that a spreadsheet opens without running what is in them."""

import csv
from collections.abc import Sequence
from typing import Any, Final

FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""


class _Line:
    """Takes what `csv.writer` writes for one row."""

    text: str = ""

    def write(self, text: str) -> None:
        """Keep the text."""
        self.text = text


def csv_line(cells: Sequence[Any]) -> str:
    """One row with its end of line. A cell that could be a formula begins with an apostrophe."""
    line = _Line()
    csv.writer(line).writerow([_safe(cell) for cell in cells])
    return line.text


def _safe(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text
