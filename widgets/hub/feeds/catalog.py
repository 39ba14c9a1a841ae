"""The catalog of all feeds, built from the declarations of the kinds. It names no kind."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from marketdata.errors import ConfigurationError
from marketdata.events import SYMBOL_RULE, is_symbol
from marketdata.schema import SYMBOL_PLACEHOLDER
from marketdata.schema.stored import COLUMNS, SCHEMA
from widgets.hub.feeds.feed import UNBOUNDED, Feed, FeedBounds, UnknownFeedError, chosen
from widgets.hub.feeds.interface import by_kind, described
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.stored import StoredFeeds

Kind: TypeAlias = type[FeedSource]

_NAME: Final = re.compile(r"[a-z0-9_]+(:[a-z0-9_]+)*")
_PATTERN: Final = re.compile(rf"[a-z0-9_]+:(?:{re.escape(SYMBOL_PLACEHOLDER)}|\*)")


class FeedCatalog:
    """All feeds by name. `kinds` maps the name of each kind to its class.

    Raises:
        ConfigurationError: a kind breaks its interface, two kinds claim one name, a feed shows a column that
            the schema lacks, or no kind serves a feed of the schema. The message says which, where, and what
            is expected.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds: Final[Mapping[str, Kind]] = by_kind(kinds)
        self._named: dict[str, Kind] = {}
        for source in self.kinds.values():
            for name, columns in source.feeds.items():
                self._check(name, columns, source)
                self._named[name] = source
        if unserved := [name for name in SCHEMA.feeds if name not in self._named]:
            raise ConfigurationError(
                f"no kind of feed serves {', '.join(unserved)}; "
                "expected: a kind for each feed that the schema has"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all feeds, and the patterns of the feeds of one symbol."""
        return tuple(self._named)

    def feed(self, name: str) -> Feed:
        """The feed with a name that a client sent.

        Raises:
            UnknownFeedError: there is no such feed; the message lists all feeds.
        """
        if (source := self._named.get(name)) is not None and SYMBOL_PLACEHOLDER not in name:
            return source.named(name)
        prefix, colon, symbol = name.partition(":")
        pattern = prefix + colon + SYMBOL_PLACEHOLDER
        if (source := self._named.get(pattern)) is None:
            raise UnknownFeedError(f"no such feed; there are {', '.join(self.names)}")
        if not is_symbol(symbol):
            raise UnknownFeedError(f"not a symbol; {pattern} takes {SYMBOL_RULE}")
        return source.named(pattern, symbol)

    def needs_choice(self, feed: Feed) -> bool:
        """Whether a client must choose some of the columns."""
        return self._bounds(feed).most_columns > 0

    def chosen(self, name: str, columns: Sequence[str] | None = None, hz: float | None = None) -> Feed:
        """The feed with the columns and the rate that a client chose; None stands for the usual ones.

        Raises:
            UnknownFeedError: as `feed`.
            BadChoiceError: the feed does not have them; the message says which it has.
        """
        feed = self.feed(name)
        bounds = self._bounds(feed)
        if columns is None and hz is None and bounds is UNBOUNDED:
            return feed
        return chosen(feed, bounds, columns, hz)

    def permitted(self, permissions: Collection[str]) -> tuple[str, ...]:
        """The names and patterns of the feeds that these permissions show."""
        return tuple(name for name, source in self._named.items() if source.permission in permissions)

    def channels(self, stored: StoredFeeds) -> tuple[str, ...]:
        """The channels of all kinds, each once."""
        return tuple(
            dict.fromkeys(channel for source in self.kinds.values() for channel in source.channels(stored))
        )

    def _bounds(self, feed: Feed) -> FeedBounds:
        return self.kinds[feed.kind].bounds.get(feed.pattern, UNBOUNDED)

    def _check(self, name: str, columns: tuple[str, ...], source: Kind) -> None:
        is_pattern = _PATTERN.fullmatch(name) is not None
        if not is_pattern and _NAME.fullmatch(name) is None:
            raise ConfigurationError(
                f"{described(source)} has the feed {name!r}; expected: lower-case words, as in 'word' or "
                f"'word:word', 'word:{SYMBOL_PLACEHOLDER}' for a feed of each symbol, "
                "or 'word:*' for all symbols"
            )
        for known, other in self._named.items():
            if known == name or _covers(known, name) or _covers(name, known):
                raise ConfigurationError(
                    f"{described(source)} claims the feed {name!r}, and {described(other)} claims {known!r}; "
                    "expected: one kind for each name"
                )
        if unknown := [column for column in columns if column not in COLUMNS]:
            raise ConfigurationError(
                f"{described(source)}: its feed {name!r} shows {', '.join(unknown)}; expected: columns of "
                "the schema that are shown (`make schema` writes down what was declared)"
            )


def _covers(pattern: str, name: str) -> bool:
    """Whether the pattern of a feed of each symbol also matches this name."""
    if not pattern.endswith(SYMBOL_PLACEHOLDER) or name.endswith(":*"):  # no symbol begins with an asterisk
        return False
    return name.startswith(pattern.removesuffix(SYMBOL_PLACEHOLDER))
