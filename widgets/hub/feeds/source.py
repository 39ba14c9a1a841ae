"""The interface of a kind of feed: the methods that the hub calls, and the parts of the hub that it may use.

Each kind is one module of this package. It has the feeds of the kind and their permission, their state, the
keys and announcements that they need, and their recovery after a gap. Only `registry` names the classes.
"""

import abc
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

import msgspec

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from marketdata.schema import SYMBOL_PLACEHOLDER
from marketdata.store.snapshots import SnapshotReader
from widgets.hub.feeds.feed import TABLE_TICK_HZ, Feed, FeedBounds
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream
from widgets.hub.installation_watch import InstallationWatch
from widgets.hub.outbox import Outbox
from widgets.protocol import Status


class FeedContext(msgspec.Struct, frozen=True, kw_only=True):
    """The objects that all kinds share within one epoch of the hub.

    `mark` notes that streams have something to emit, `wake_reader` that keys are wanted. `status` returns the
    present state of the data; None before it is known. `new_epoch` returns an epoch for a stream whose data
    have no positions; it is a time in epoch nanoseconds, and never the same twice. `installation` reads what
    all processes do.
    """

    stored: StoredFeeds
    snapshots: SnapshotReader
    clock: Clock
    new_epoch: Callable[[], int]
    mark: Callable[[Iterable[FeedStream]], None]
    wake_reader: Callable[[], None]
    status: Callable[[], Status | None]
    installation: InstallationWatch


class FeedSource(abc.ABC):
    """All feeds of one kind. It keeps their streams up to date from announcements and stored state.

    A stream whose state has changed is passed to `context.mark`. Keys that must be read are passed to `want`,
    and `restore` is called with them soon. Only `restore` waits. All methods run on one event loop.
    """

    kind: ClassVar[str]
    """The name of the kind (`Feed.kind`)."""

    permission: ClassVar[str]
    """The permission that a viewer needs for its feeds. `mdp_site.accounts.roles` grants it."""

    feeds: ClassVar[Mapping[str, tuple[str, ...]]]
    """The names of its feeds with the columns of each. `quote:{symbol}` means one feed for each symbol."""

    bounds: ClassVar[Mapping[str, FeedBounds]] = MappingProxyType({})
    """The bounds of those of its feeds of which a client may not have everything."""

    tick_hz: ClassVar[float] = TABLE_TICK_HZ
    """How many frames its feeds send a second at most, and without a client's choice: one of `RATES_HZ`."""

    reads_together: ClassVar[bool] = False
    """Whether `restore` gets all wanted keys in one call, and not one key for each call."""

    def __init__(self, context: FeedContext) -> None:
        self.context = context
        self._wanted: set[str] = set()

    # --- The interface --------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The channels whose announcements `take` gets."""

    @abc.abstractmethod
    def open(self, feed: Feed) -> FeedStream | None:
        """Return the stream for a feed's first subscriber; None if the feed has no stream."""

    @abc.abstractmethod
    def close(self, stream: FeedStream) -> None:
        """Note that the last subscriber of a stream has left."""

    @abc.abstractmethod
    def take(self, channel: str, block: RowBlock) -> None:
        """Take an announced block."""

    @abc.abstractmethod
    def missed(self) -> None:
        """Recover from possibly missed announcements: want all shown data, and `refresh` its streams."""

    @abc.abstractmethod
    async def restore(self, wanted: Sequence[str]) -> None:
        """Read the wanted keys from the store, and offer the values to their streams.

        Raises:
            StoreUnavailable: the store is away; the hub will call again with the same keys.
            ContentError: the stored bytes cannot be read; the hub logs that and continues.
        """

    def greet(self, outbox: Outbox, feed: Feed) -> None:
        """Send a new subscriber its first frame: a snapshot, as soon as there is one."""
        outbox.snapshot(feed.key)

    # --- For the hub, and for the kinds ---------------------------------------------------------------------

    @classmethod
    def named(cls, name: str, symbol: str = "") -> Feed:
        """The feed with a name or a pattern of `feeds`; a pattern needs the symbol."""
        full_name = name.replace(SYMBOL_PLACEHOLDER, symbol)
        return Feed(
            full_name, cls.kind, cls.feeds[name], cls.permission, name, symbol, cls.tick_hz, cls.tick_hz
        )

    def want(self, keys: Iterable[str]) -> None:
        """Have `restore` called with these keys, or with symbols where the kind reads by symbol."""
        self._wanted.update(keys)
        if self._wanted:
            self.context.wake_reader()

    def take_wanted(self) -> Sequence[Sequence[str]]:
        """Return the keys for each call of `restore`, and forget them."""
        wanted, self._wanted = tuple(self._wanted), set()
        if self.reads_together:
            return [wanted] if wanted else []
        return [(key,) for key in wanted]
