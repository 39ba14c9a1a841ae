"""All about feeds: one module for each kind, and what the kinds have in common.

A `feed` is what a client subscribes to. `source` is the interface of a kind, which `interface` checks;
`stream` and `table` are what their streams share, `ticks` finds gaps, `stored` says where the store has what
they show. The kinds are `board`, `row`, `tape`, `events` and `status`: each declares its feeds and serves
them. `registry` lists them, `catalog` is made of them; no other module knows one by name.
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
