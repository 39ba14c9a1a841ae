"""The leaderboards in memory alone: frames of the feed in, ranked boards out. No queue, no cache, no clock.

For a single instance, a notebook, or a back-test over a recording. It composes the same parts as the
processes do (router, shards, scanner), so its boards are those that the platform would show.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from marketdata.feed_clock import FeedClock
from marketdata.feeds import Frame
from marketdata.payloads import RowBlock
from marketdata.providers.base import Routing
from marketdata.providers.registry import DEFAULT_PROVIDER, wire_format
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.schema import BOARDS, Board
from marketdata.trading_calendar import TradingCalendar
from marketdata.transport.base import Batch
from scanners.processor.outcome import Outcome
from scanners.processor.shard import ShardProcessor
from scanners.registry import Route, routes
from scanners.scanner.market import MarketScanner, Merge, RankedBoard

SOURCE: Final = "memory"


class TopStocks:
    """Follows the market through what it is given, and ranks it whenever it is asked to.

    `provider` names whose frames they are, `make_routes` says which analyzers work. The market's time is that
    of the events, so a day may be run through at any speed. Received times and the statuses of a feed with a
    clock of its own bound the stamps of the events, as in a processor: frames need the received times of a
    recording. Test issues are ranked only if `show_test_issues`.
    """

    def __init__(
        self,
        *,
        calendar: TradingCalendar,
        shards: int = 1,
        boards: Sequence[Board] = BOARDS,
        make_routes: Callable[[], Sequence[Route]] = routes,
        provider: str = DEFAULT_PROVIDER,
        show_test_issues: bool = False,
    ) -> None:
        self._shards = [
            ShardProcessor(
                shard, routes=make_routes(), calendar=calendar, epoch=1, show_test_issues=show_test_issues
            )
            for shard in range(shards)
        ]
        self._queues = frozenset(self._shards[0].queues)
        self._format = provider
        self._router = wire_format(provider).router(shards)
        self._scanner = MarketScanner(epoch=1, boards=boards)
        self._sequence = itertools.count(1)
        self._feed_clock = FeedClock(may_declare=True)

    def use_reference(self, block: RowBlock, volume_curve: VolumeCurve | None = None) -> None:
        """Take reference data of the whole market: previous closes, average volumes, floats."""
        for shard in self._shards:
            shard.apply_reference(block, volume_curve)

    def receive(self, frames: Iterable[Frame]) -> Outcome:
        """Take frames of the feed together, in the order of their arrival; says what became of their events.

        Some 20,000 events at once cost the least.
        """
        oldest_ns = newest_ns = 0
        for frame in frames:
            self._router.add(frame.data)
            oldest_ns = oldest_ns or frame.received_ns
            newest_ns = frame.received_ns
        routing = self._router.take()
        self._feed_clock.take(routing.statuses)
        outcome = self.apply(self._batches(routing, oldest_ns, self._feed_clock.feed_time_ms(newest_ns)))
        outcome.rejected.update(routing.set_aside)
        return outcome

    def apply(self, batches: Iterable[Batch]) -> Outcome:
        """Take batches as the queues carry them; those of queues without analyzers are left out."""
        of_shard: dict[int, list[Batch]] = {}
        for batch in batches:
            if batch.queue in self._queues:
                of_shard.setdefault(batch.shard, []).append(batch)
        total = Outcome(Counter(), Counter(), Counter())
        for shard, taken in of_shard.items():
            outcome = self._shards[shard].apply(taken)
            total.applied.update(outcome.applied)
            total.rejected.update(outcome.rejected)
            total.ignored.update(outcome.ignored)
        return total

    def boards(self, published_ns: int = 0) -> Mapping[str, RankedBoard]:
        """All boards as of now, by feed. `published_ns` is noted in their blocks, epoch nanoseconds."""
        for shard in self._shards:
            tick = shard.tick(published_ns)
            shard.confirm(tick)
            if self._scanner.apply_changed(shard.shard, tick.changed) is Merge.GAP:  # the first one
                self._scanner.apply_whole(shard.shard, tick.whole)
        return {board.feed: board for board in self._scanner.rank_boards(published_ns)}

    def _batches(self, routing: Routing, received_ns: int, feed_time_ms: int) -> Iterable[Batch]:
        for part in routing.parts:
            yield Batch(
                format=self._format,
                queue=part.queue,
                shard=part.shard,
                source=SOURCE,
                sequence=next(self._sequence),
                received_ns=received_ns,
                feed_time_ms=feed_time_ms,
                event_count=part.event_count,
                body=part.body,
            )
