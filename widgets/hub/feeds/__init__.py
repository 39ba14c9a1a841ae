"""Feeds: one module for each kind of feed, and the parts that the kinds share.

A `feed` is what a client subscribes to. `source` is the interface of a kind, and `interface` checks it.
`registry` lists the kinds, and `catalog` finds the feeds that they declare. No other module names a kind. The
other modules are the kinds, which declare and serve their feeds, and the base classes of their streams.
"""

from widgets.hub.feeds.catalog import FeedCatalog
from widgets.hub.feeds.feed import UNBOUNDED, BadChoiceError, Feed, FeedBounds, UnknownFeedError, chosen
from widgets.hub.feeds.registry import KINDS, feed_catalog
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream

__all__ = [
    "KINDS",
    "UNBOUNDED",
    "BadChoiceError",
    "Feed",
    "FeedBounds",
    "FeedCatalog",
    "FeedContext",
    "FeedSource",
    "FeedStream",
    "StoredFeeds",
    "UnknownFeedError",
    "chosen",
    "feed_catalog",
]
