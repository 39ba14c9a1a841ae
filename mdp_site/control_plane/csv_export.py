"""Rows as CSV (RFC 4180) that a spreadsheet opens without running what is in them, and those of the audit."""

import csv
import json
from collections.abc import Sequence
from typing import Any, Final

from mdp_site.control_plane.models import AuditEntry

FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""

AUDIT_COLUMNS: Final = (
    *("at", "who", "user_id", "origin", "service", "action", "revision", "before", "after"),
    *("reason", "result"),
)
"""The columns of a file with entries of the audit."""


def audit_cells(entry: AuditEntry) -> Sequence[Any]:
    """An entry of the audit, as the cells of these columns."""
    at, *others = AUDIT_COLUMNS
    return [
        getattr(entry, at).isoformat(timespec="milliseconds"),
        *(_as_text(getattr(entry, name)) for name in others),
    ]


def _as_text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else value


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
