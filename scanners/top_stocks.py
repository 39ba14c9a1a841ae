"""The leaderboards in memory: provider frames in, ranked boards out. No queue, no cache, no clock.

For a single process, a notebook, or a back-test over a recording. It uses the same parts as the services
(router, shards, scanner), so its boards are the boards that the platform would show.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from marketdata.feeds import Frame
from marketdata.payloads import RowBlock
from marketdata.providers.base import Routing
from marketdata.providers.buffered import FeedClock
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
    """Processes frames or batches and ranks the market on request.

    `provider` is the name of the provider that made the frames. `make_routes` chooses the analyzers. Market
    time is the time of the events, so a day can be processed at any speed. As in a processor, received times
    and the statuses of the provider's feed bound the event times: frames need the received times of the
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
        """Apply reference data of the whole market: previous closes, average volumes, floats."""
        for shard in self._shards:
            shard.apply_reference(block, volume_curve)

    def receive(self, frames: Iterable[Frame]) -> Outcome:
        """Process frames as one group, in the order of their arrival, and return the counts of their events.

        Groups of about 20,000 events cost the least per event.
        """
        oldest_ns = newest_ns = 0
        for frame in frames:
            self._router.add(frame.data)
            oldest_ns = oldest_ns or frame.received_ns
            newest_ns = frame.received_ns
        routing = self._router.take()
        self._feed_clock.apply_declarations(routing.statuses)
        outcome = self.apply(self._batches(routing, oldest_ns, self._feed_clock.feed_time_ms(newest_ns)))
        outcome.rejected.update(routing.set_aside)
        return outcome

    def apply(self, batches: Iterable[Batch]) -> Outcome:
        """Process batches as the queues carry them. Batches of queues without analyzers are ignored."""
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
        """All boards now, by feed name. `published_ns` (epoch nanoseconds) is stored in their blocks."""
        for shard in self._shards:
            tick = shard.tick(published_ns)
            shard.confirm(tick)
            merge = self._scanner.apply_changed(shard.shard, tick.changed)
            if merge is Merge.GAP and tick.whole is not None:  # the first tick, and one that removes rows
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
