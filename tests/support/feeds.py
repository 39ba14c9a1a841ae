"""The feeds that there are, for tests that name some."""

from typing import Final

from widgets.hub.feeds import Feed, FeedCatalog, feed_catalog

CATALOG: Final[FeedCatalog] = feed_catalog()


def feed_of(name: str) -> Feed:
    """The feed of a name."""
    return CATALOG.feed(name)
