"""A feed: what a client subscribes to by its name."""

import msgspec


class UnknownFeedError(ValueError):
    """A name that is not a feed. The message says what is accepted."""


class Feed(msgspec.Struct, frozen=True):
    """A feed, with its columns and the permission that its viewers need.

    `columns` are the names of its rows' values in order. A column that the stored block lacks is left out of
    the frames. `symbol` is set for a feed of one symbol. `kind` is the name of the kind that serves the feed.
    `permission` is one of those that roles grant.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    permission: str
    symbol: str = ""
