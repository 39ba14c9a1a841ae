"""What docs/metrics.md defines: the columns of its tables."""

import re
from pathlib import Path
from typing import Final

METRICS: Final = Path(__file__).parents[2] / "docs" / "metrics.md"
_OTHERS: Final = {"Terms", "Boards", "Streams", "Feeds of one symbol"}
"""Sections whose tables hold no columns of the market table."""

_COLUMN: Final = re.compile(r"`([^`]+)`")


def defined(section: str) -> frozenset[str]:
    """The names in the first column of the table of a section."""
    text = METRICS.read_text(encoding="utf-8").split(f"\n## {section}")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return frozenset(name for line in lines for name in _COLUMN.findall(line.split("|")[1]))


def sections() -> list[str]:
    """The titles of all sections, without what stands in brackets behind them."""
    return [
        title.split(" (")[0]
        for title in re.findall(r"^## (.+)$", METRICS.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def defined_columns() -> frozenset[str]:
    """Every column of the market table that the page defines."""
    return frozenset().union(*(defined(section) for section in sections() if section not in _OTHERS))
