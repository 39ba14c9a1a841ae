"""All about feeds: one module for each kind, and what the kinds have in common.

A `feed` is what a client subscribes to. `source` is the interface of a kind, which `interface` checks.
`registry` lists the kinds, `catalog` is made of them, and no other module knows one by name. The further
modules are the kinds, each of which declares its feeds and serves them, and what their streams share.
"""

from widgets.hub.feeds.catalog import FeedCatalog
from widgets.hub.feeds.feed import Feed, UnknownFeedError
from widgets.hub.feeds.registry import KINDS, feed_catalog
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream

__all__ = [
    "KINDS",
    "Feed",
    "FeedCatalog",
    "FeedContext",
    "FeedSource",
    "FeedStream",
    "StoredFeeds",
    "UnknownFeedError",
    "feed_catalog",
]
