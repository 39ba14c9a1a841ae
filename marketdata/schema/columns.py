"""The declaration of a column: its name, its texts, its unit, its definition, and where it is shown."""

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class Unit(enum.StrEnum):
    """What the numbers of a column are; a client formats by it."""

    DOLLARS = "dollars"
    PERCENT = "percent"
    RATIO = "ratio"
    SHARES = "shares"
    FRACTIONAL_SHARES = "fractional_shares"
    COUNT = "count"
    EPOCH_MS = "epoch_ms"
    DURATION_MS = "duration_ms"
    CODE = "code"


_DECIMALS: Final[Mapping[Unit, int]] = {
    Unit.DOLLARS: 4,
    Unit.PERCENT: 2,
    Unit.RATIO: 2,
    Unit.SHARES: 0,
    Unit.FRACTIONAL_SHARES: 6,
    Unit.COUNT: 0,
    Unit.EPOCH_MS: 0,
    Unit.DURATION_MS: 0,
    Unit.CODE: 0,
}

SIGNIFICANT_DIGITS: Final = 4
MOST_DECIMALS: Final = 10
"""Dollars keep so many significant digits where the decimals of their unit leave fewer, with so many decimals
at most. So a price of a fraction of a cent is not 0."""

YES_OR_NO: Final[Mapping[int, str]] = MappingProxyType({0: "no", 1: "yes"})


class ColumnInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column of numbers, declared once, by its owner.

    `label` is its name for people, `short` the same where there is little room (the label itself if empty).
    `description` says in a few words what it is. `definition` says it exactly, in Markdown, for
    docs/metrics.md. `signed` marks a change, which is shown with its sign and in the colour of its direction.
    `codes` say what the numbers of a `Unit.CODE` mean. `boards` says on which boards it stands, and at which
    place of each: lower places come first, and stay where there is little room. A column with `shown=False`
    is sent to nobody.
    """

    name: str
    label: str
    unit: Unit
    description: str
    short: str = ""
    definition: str = ""
    signed: bool = False
    codes: Mapping[int, str] = MappingProxyType({})
    boards: Mapping[str, int] = MappingProxyType({})
    shown: bool = True

    @property
    def short_label(self) -> str:
        """The label where there is little room."""
        return self.short or self.label

    @property
    def decimals(self) -> int:
        """How many decimals go over the wire; with 0 the numbers are integers in JSON.

        Dollars have more where that is needed: see `SIGNIFICANT_DIGITS`.
        """
        return _DECIMALS[self.unit]


def names(columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    """The names of columns, in their order."""
    return tuple(column.name for column in columns)


def shown_names(columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    """The names of those columns that clients are sent, in their order."""
    return names(column for column in columns if column.shown)
