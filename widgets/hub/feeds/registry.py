"""The kinds of feed that there are: a new one is its module and its line here."""

from typing import Final

from widgets.hub.feeds.board import BoardSource
from widgets.hub.feeds.catalog import FeedCatalog
from widgets.hub.feeds.events import EventSource
from widgets.hub.feeds.row import RowSource
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.status import StatusSource
from widgets.hub.feeds.tape import TapeSource

KINDS: Final[tuple[type[FeedSource], ...]] = (
    BoardSource,
    RowSource,
    TapeSource,
    EventSource,
    StatusSource,
)
"""In the order in which a client that asks for an unknown feed is told of them."""


def feed_catalog() -> FeedCatalog:
    """The catalog of all kinds.

    Raises:
        ConfigurationError: a kind breaks its interface, or two claim one name.
    """
    return FeedCatalog(KINDS)
