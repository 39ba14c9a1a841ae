"""The outboxes of this process's connections, and what each subscribed to."""

from collections.abc import Collection, Iterator

from marketdata.observability import metrics
from widgets.outbox import Outbox
from widgets.protocol import ProtocolVersion, Status


class Outboxes:
    """Who is connected. Iterates over outboxes; they may come and go meanwhile."""

    def __init__(self) -> None:
        self._feeds: dict[Outbox, set[str]] = {}

    def __iter__(self) -> Iterator[Outbox]:
        return iter(tuple(self._feeds))

    def add(self, outbox: Outbox) -> None:
        """A connection has come."""
        self._feeds[outbox] = set()

    def remove(self, outbox: Outbox) -> Collection[str]:
        """A connection has gone; the names of the feeds that it had."""
        _count_sent(outbox)
        return self._feeds.pop(outbox, ())

    def feeds(self, outbox: Outbox) -> set[str]:
        """The names of the feeds that a connection subscribed to, to be changed by the hub."""
        return self._feeds[outbox]

    def send_status(self, status: Status) -> None:
        """Send a status to all, encoded once for each version that somebody speaks."""
        texts: dict[ProtocolVersion, str] = {}
        for outbox in self._feeds:
            version = outbox.version
            if version not in texts:
                texts[version] = version.encode_answer(status)
            outbox.status(texts[version])

    def sweep(self, longest_stall_seconds: float) -> None:
        """Give up who has stalled for too long, and count what was sent."""
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
