"""The list of all kinds of feed. A new kind needs its module and an entry here."""

from typing import Final

from widgets.hub.feeds.all_rows import AllRowsSource
from widgets.hub.feeds.board import BoardSource
from widgets.hub.feeds.catalog import FeedCatalog
from widgets.hub.feeds.events import EventSource
from widgets.hub.feeds.operations import OperationsSource
from widgets.hub.feeds.row import RowSource
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.status import StatusSource
from widgets.hub.feeds.tape import TapeSource

KINDS: Final[tuple[type[FeedSource], ...]] = (
    BoardSource,
    RowSource,
    AllRowsSource,
    TapeSource,
    EventSource,
    StatusSource,
    OperationsSource,
)
"""The order in which an error about an unknown feed lists the feeds."""


def feed_catalog() -> FeedCatalog:
    """The catalog of all kinds.

    Raises:
        ConfigurationError: a kind breaks its interface, or two claim one name.
    """
    return FeedCatalog(KINDS)
