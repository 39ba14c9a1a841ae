"""Which feeds there are: the catalog is made of what the kinds declare, and knows none of them by name."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from marketdata.errors import ConfigurationError
from marketdata.events import SYMBOL_RULE, is_symbol
from marketdata.schema import SYMBOL_PLACE
from marketdata.schema.stored import COLUMNS, SCHEMA
from widgets.hub.feeds.feed import Feed, UnknownFeedError
from widgets.hub.feeds.interface import by_kind, place_of
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.stored import StoredFeeds

Kind: TypeAlias = type[FeedSource]

_NAME: Final = re.compile(r"[a-z0-9_]+(:[a-z0-9_]+)*")
_PATTERN: Final = re.compile(rf"[a-z0-9_]+:{re.escape(SYMBOL_PLACE)}")


class FeedCatalog:
    """Every feed that there is, by name. `kinds` are the classes of its kinds by their names.

    Raises:
        ConfigurationError: a kind breaks its interface, two kinds claim one name, a feed shows a column that
            the schema lacks, or nothing serves a feed that the schema has. The message says which, where, and
            what is expected.
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
        """The names of all feeds, and the patterns of those of one symbol."""
        return tuple(self._named)

    def feed(self, name: str) -> Feed:
        """The feed of a name as a client wrote it.

        Raises:
            UnknownFeedError: there is no such feed; the message says which there are.
        """
        if (source := self._named.get(name)) is not None and SYMBOL_PLACE not in name:
            return source.named(name)
        prefix, colon, symbol = name.partition(":")
        pattern = prefix + colon + SYMBOL_PLACE
        if (source := self._named.get(pattern)) is None:
            raise UnknownFeedError(f"no such feed; there are {', '.join(self.names)}")
        if not is_symbol(symbol):
            raise UnknownFeedError(f"not a symbol; {pattern} takes {SYMBOL_RULE}")
        return source.named(pattern, symbol)

    def channels(self, stored: StoredFeeds) -> tuple[str, ...]:
        """Every channel that a kind hears, each once."""
        return tuple(
            dict.fromkeys(channel for source in self.kinds.values() for channel in source.channels(stored))
        )

    def _check(self, name: str, columns: tuple[str, ...], source: Kind) -> None:
        is_pattern = _PATTERN.fullmatch(name) is not None
        if not is_pattern and _NAME.fullmatch(name) is None:
            raise ConfigurationError(
                f"{place_of(source)} has the feed {name!r}; expected: lower-case words, as in 'word' or "
                f"'word:word', or 'word:{SYMBOL_PLACE}' for a feed of each symbol"
            )
        for known, other in self._named.items():
            if known == name or _covers(known, name) or _covers(name, known):
                raise ConfigurationError(
                    f"{place_of(source)} claims the feed {name!r}, and {place_of(other)} claims {known!r}; "
                    "expected: one kind for each name"
                )
        if strangers := [column for column in columns if column not in COLUMNS]:
            raise ConfigurationError(
                f"{place_of(source)}: its feed {name!r} shows {', '.join(strangers)}; expected: columns of "
                "the schema that are shown (`make schema` writes down what was declared)"
            )


def _covers(pattern: str, name: str) -> bool:
    """Whether a pattern for all symbols would take a name that is no pattern."""
    return pattern.endswith(SYMBOL_PLACE) and name.startswith(pattern.removesuffix(SYMBOL_PLACE))
