"""A feed: what a client subscribes to by its name."""

import msgspec


class UnknownFeedError(ValueError):
    """A name that is not a feed. The message says what is accepted."""


class Feed(msgspec.Struct, frozen=True):
    """A feed that exists: what it is, what it shows, and what its viewer must be allowed to see.

    `columns` are the names of its rows' values in order; a name that the stored block lacks is left out
    of the frames. `symbol` is set where the feed is about one. `kind` is the name under which the hub finds
    what serves it. `permission` is one of those that roles grant.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    permission: str
    symbol: str = ""
