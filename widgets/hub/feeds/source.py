"""The interface of a kind of feed: what the hub asks of it, and what it may use of the hub.

One module beside this one holds one kind: which feeds it has and who may have them, their state, which keys
and announcements it needs, and how it goes on after a gap. `registry` names the classes; nobody else knows a
kind.
"""

import abc
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from marketdata.schema import SYMBOL_PLACE
from marketdata.store.snapshots import SnapshotReader
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream
from widgets.outbox import Outbox
from widgets.protocol import Status


class FeedContext(msgspec.Struct, frozen=True, kw_only=True):
    """What all kinds have in common within one epoch of the hub.

    `mark` says that streams have something to emit, `wake_reader` that keys are wanted; `status` is the
    state of the data now, None before it is known.
    """

    stored: StoredFeeds
    snapshots: SnapshotReader
    clock: Clock
    epoch: str
    mark: Callable[[Iterable[FeedStream]], None]
    wake_reader: Callable[[], None]
    status: Callable[[], Status | None]


class FeedSource(abc.ABC):
    """All feeds of one kind: announcements and stored state come in, its streams are kept up to date.

    A stream whose state has changed is handed to `context.mark`; what must be read is passed to `want`, and
    comes back to `restore` soon. Nothing but `restore` waits, and all of it belongs to one event loop.
    """

    kind: ClassVar[str]
    """The name of the kind (`Feed.kind`)."""

    permission: ClassVar[str]
    """What a viewer must be allowed to see to have its feeds. `mdp_site.accounts.roles` grants it."""

    feeds: ClassVar[Mapping[str, tuple[str, ...]]]
    """The names of its feeds with the columns of each; `quote:{symbol}` stands for one of each symbol."""

    reads_together: ClassVar[bool] = False
    """Whether `restore` gets everything that is wanted at once, and not one key after the other."""

    def __init__(self, context: FeedContext) -> None:
        self.context = context
        self._wanted: set[str] = set()

    # --- The interface --------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The channels whose announcements `take` is to get."""

    @abc.abstractmethod
    def open(self, feed: Feed) -> FeedStream | None:
        """The stream of a feed that gets its first subscriber; None for a feed of which nothing follows."""

    @abc.abstractmethod
    def close(self, stream: FeedStream) -> None:
        """The last subscriber of a stream has left."""

    @abc.abstractmethod
    def take(self, channel: str, block: RowBlock) -> None:
        """Take over an announced block."""

    @abc.abstractmethod
    def missed(self) -> None:
        """Anything may have been announced unheard: want all that is shown, and send it whole (`refresh`)."""

    @abc.abstractmethod
    async def restore(self, wanted: Sequence[str]) -> None:
        """Read from the store what was passed to `want`, and offer it to the streams that it is good for.

        Raises:
            StoreUnavailable: the store is away; the hub will want the same again.
            ContentError: the stored bytes cannot be read; the hub logs it and goes on.
        """

    def greet(self, outbox: Outbox, feed: Feed) -> None:
        """Have a new subscriber get what it begins with: a snapshot, as soon as there is one."""
        outbox.snapshot(feed.name)

    # --- For the hub, and for the kinds ---------------------------------------------------------------------

    @classmethod
    def named(cls, name: str, symbol: str = "") -> Feed:
        """One of its feeds, of which `feeds` has the name; for a symbol where the name is a pattern."""
        return Feed(name.replace(SYMBOL_PLACE, symbol), cls.kind, cls.feeds[name], cls.permission, symbol)

    def want(self, keys: Iterable[str]) -> None:
        """Have keys, or whatever names what is to be read, passed to `restore`."""
        self._wanted.update(keys)
        if self._wanted:
            self.context.wake_reader()

    def take_wanted(self) -> Sequence[Sequence[str]]:
        """What `restore` is to be called with, call by call; it counts as read from now on."""
        wanted, self._wanted = tuple(self._wanted), set()
        if self.reads_together:
            return [wanted] if wanted else []
        return [(key,) for key in wanted]
