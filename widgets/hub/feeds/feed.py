"""A feed: what a client subscribes to by its name, with the columns and the rate that it chose."""

from collections.abc import Iterable
from typing import Final

import msgspec

RATES_HZ: Final[tuple[float, ...]] = (10, 4, 2, 1, 0.5, 0.2)
"""The rates that there are, in frames a second. A client gets the nearest one that is not faster."""

SYMBOL_TICK_HZ: Final = RATES_HZ[0]
"""How often a symbol's row or trades, or alerts, are sent at most. Shards tick twice as often
(`scanners/processor/pace.py`): a symbol that changes with each tick is sent with every second one."""

TABLE_TICK_HZ: Final = RATES_HZ[1]
"""How often the scanner ranks boards at most. No eye follows a table that changes more often."""


class UnknownFeedError(ValueError):
    """A name that is not a feed. The message says what is accepted."""


class BadChoiceError(ValueError):
    """Columns or a rate that a feed does not have. The message says which it has."""


class FeedBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may choose of a feed that is too large to be sent whole at the fastest rate.

    `most_columns`: a client must choose columns, at most this number. 0: it may have all.
    """

    most_columns: int = 0
    fastest_hz: float = RATES_HZ[0]


UNBOUNDED: Final = FeedBounds()


class Feed(msgspec.Struct, frozen=True):
    """A feed, with its columns and the permission that its viewers need.

    `pattern` is the name that its kind declares, such as `quote:{symbol}`; `symbol` is set for a feed of one
    symbol. `columns` are the names of its rows' values in order. A column that the stored block lacks is left
    out of the frames. `kind` is the name of the kind that serves the feed. `permission` is one of those that
    roles grant. `hz` is its greatest number of frames a second, and `tick_hz` that of its kind.

    `choice` names the pattern, columns and rate if they are not the usual ones; else it is empty. All
    who make the same choice share one stream. A choice counts against the greatest number of choices if
    `is_counted`: those of version 1 do not, because its clients cannot choose.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    permission: str
    pattern: str
    symbol: str = ""
    hz: float = TABLE_TICK_HZ
    tick_hz: float = TABLE_TICK_HZ
    choice: str = ""
    is_counted: bool = True

    @property
    def key(self) -> str:
        """The name of its stream: one feed has a stream for each choice. No feed's name has a blank."""
        return f"{self.name} {self.choice}" if self.choice else self.name


def chosen(feed: Feed, bounds: FeedBounds, columns: Iterable[str] | None, hz: float | None) -> Feed:
    """The feed with the columns and the rate that a client wishes; None stands for the usual ones.

    Raises:
        BadChoiceError: the feed does not have them; the message says which it has.
    """
    if columns is None and bounds.most_columns:
        raise BadChoiceError(f"choose 1 to {bounds.most_columns} columns of {', '.join(feed.columns)}")
    picked = feed.columns if columns is None else _picked(feed, bounds, frozenset(columns))
    usual_hz = min(feed.tick_hz, bounds.fastest_hz)
    slowest = RATES_HZ[-1]
    if hz is not None and not slowest <= hz <= feed.tick_hz:
        raise BadChoiceError(f"hz is {hz}; accepted is {slowest} to {feed.tick_hz}")
    rate = next(each for each in RATES_HZ if each <= min(usual_hz, hz or usual_hz))
    if (picked, rate) == (feed.columns, feed.tick_hz):
        return feed
    choice = f"{feed.pattern} {rate} {','.join(picked)}"
    return msgspec.structs.replace(feed, columns=picked, hz=rate, choice=choice)


def _picked(feed: Feed, bounds: FeedBounds, wished: frozenset[str]) -> tuple[str, ...]:
    most = bounds.most_columns or len(feed.columns)
    if unknown := sorted(wished.difference(feed.columns)):
        raise BadChoiceError(
            f"no such column: {_few(unknown)}; there are {', '.join(feed.columns) or 'none'}"
        )
    if not 1 <= len(wished) <= most:
        raise BadChoiceError(f"{len(wished)} columns; accepted are 1 to {most} of {', '.join(feed.columns)}")
    return tuple(name for name in feed.columns if name in wished)


def _few(unknown: list[str]) -> str:
    """Some of the names that a client sent, short enough to be sent back."""
    listed = ", ".join(name[:32] for name in unknown[:3])
    return listed if len(unknown) <= 3 else f"{listed} and {len(unknown) - 3} more"
