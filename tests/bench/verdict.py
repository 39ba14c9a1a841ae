"""Rows of which more than one figure must be within a budget."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.bench.rows import Row


class Condition(NamedTuple):
    """Something that must hold besides the value of a row, and how to say it if it does not."""

    holds: bool
    text: str


def judged(
    name: str,
    value: float,
    budget: float,
    *,
    unit: str = "ms",
    limit: float | None = None,
    limit_is: str = "",
    conditions: Sequence[Condition],
    note: str,
) -> Row:
    """A row whose value should be low. It is met if the value and all conditions are."""
    broken = [condition.text for condition in conditions if not condition.holds]
    ratio = limit / value if limit is not None and value else None
    text = f"NOT MET: {'; '.join(broken)}. {note}" if broken else note
    return Row(
        name, value, unit, limit, ratio, f"<= {budget:g}", value <= budget and not broken, limit_is, text
    )
