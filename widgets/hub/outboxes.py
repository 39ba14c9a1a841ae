"""The outboxes of all connections of the process, and the feeds that each connection subscribed to."""

from collections.abc import Collection, Iterator

from marketdata.observability import metrics
from widgets.outbox import Outbox
from widgets.protocol import ProtocolVersion, Status


class Outboxes:
    """The outboxes of all connections. Outboxes may be added and removed during iteration."""

    def __init__(self) -> None:
        self._feeds: dict[Outbox, set[str]] = {}

    def __iter__(self) -> Iterator[Outbox]:
        return iter(tuple(self._feeds))

    def add(self, outbox: Outbox) -> None:
        """Add a connection."""
        self._feeds[outbox] = set()

    def remove(self, outbox: Outbox) -> Collection[str]:
        """Remove a connection. Returns the names of the feeds that it had subscribed to."""
        _count_sent(outbox)
        return self._feeds.pop(outbox, ())

    def feeds(self, outbox: Outbox) -> set[str]:
        """The names of the feeds that a connection subscribed to. The hub adds and removes names."""
        return self._feeds[outbox]

    def send_status(self, status: Status) -> None:
        """Send a status to all connections. It is encoded once for each protocol version in use."""
        texts: dict[ProtocolVersion, str] = {}
        for outbox in self._feeds:
            version = outbox.version
            if version not in texts:
                texts[version] = version.encode_answer(status)
            outbox.status(texts[version])

    def housekeep(self, longest_stall_seconds: float) -> None:
        """Abandon outboxes that have stalled for too long, and count the sent frames in the metrics."""
        for outbox in self:
            _count_sent(outbox)
            if outbox.stalled_seconds() >= longest_stall_seconds:
                outbox.abandon()
        metrics.WIDGET_SUBSCRIPTIONS.set(sum(map(len, self._feeds.values())))


def _count_sent(outbox: Outbox) -> None:
    counts = outbox.collect_counts()
    for kind in ("answers", "statuses", "snapshots", "deltas"):
        metrics.WIDGET_FRAMES.labels(kind).inc(getattr(counts, kind))
    metrics.WIDGET_BYTES.inc(counts.characters)
    metrics.WIDGET_CONFLATED.inc(counts.conflated)
