"""One module for each kind of feed.

`source` is their interface, `stream` and `table` are what their streams share, `ticks` finds gaps. A kind is
its own module and a line in `registry`; no other module knows one by name.
"""

from widgets.hub.feeds.registry import KINDS, Kinds, announced_channels, by_kind
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stream import FeedStream

__all__ = ["KINDS", "FeedContext", "FeedSource", "FeedStream", "Kinds", "announced_channels", "by_kind"]
