"""The declaration of a column: its name, its texts, its unit, its definition, and its boards."""

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class Unit(enum.StrEnum):
    """The unit of the numbers of a column. Clients format the numbers by it."""

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
"""Small dollar amounts get more decimals than their unit has, until they show `SIGNIFICANT_DIGITS` digits or
have `MOST_DECIMALS` decimals. So a price of a fraction of a cent is not shown as 0."""

YES_OR_NO: Final[Mapping[int, str]] = MappingProxyType({0: "no", 1: "yes"})


class ColumnInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column of numbers, declared once, by its owner.

    `label` is the name that users see, `short` a shorter one for narrow screens (empty: the label).
    `description` explains the column in a few words, `definition` exactly, in Markdown, for docs/metrics.md.
    `signed` marks a change, which is shown with its sign and in the colour of its direction. `codes` gives
    the meanings of the numbers of a `Unit.CODE`. `boards` gives the place of the column on each of its
    boards: lower places come first, and are the last to be hidden on narrow screens. A column with
    `shown=False` is not sent to clients.
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
        """The label for narrow screens."""
        return self.short or self.label

    @property
    def decimals(self) -> int:
        """How many decimals are sent; with 0 the numbers are integers in JSON.

        Small dollar amounts have more: see `SIGNIFICANT_DIGITS`.
        """
        return _DECIMALS[self.unit]


def names(columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    """The names of columns, in their order."""
    return tuple(column.name for column in columns)


def shown_names(columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    """The names of the columns that are sent to clients, in their order."""
    return names(column for column in columns if column.shown)
