"""The state of one shard in the cache: its owner restores it, and publishes ticks into it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.store.snapshots import SnapshotReader
from scanners.processor.shard import ShardProcessor

TAPES_READ_TOGETHER: Final = 256
"""6 MB at most, 100 ms of work."""

log = get_logger(__name__)


class StoredShard:
    """Reads the stored state of a shard and stores its ticks.

    Every method raises `StoreUnavailable` while the cache is away.
    """

    def __init__(
        self, shard: int, *, snapshots: SnapshotReader, publisher: BlockPublisher, clock: Clock
    ) -> None:
        self._shard = shard
        self._snapshots = snapshots
        self._publisher = publisher
        self._clock = clock

    async def checkpoint(self, private_groups: Sequence[str]) -> Checkpoint | None:
        """The newest stored state; None if there is none. Bytes that cannot be read are counted."""
        try:
            return await self._snapshots.checkpoint(self._shard, private_groups)
        except ContentError as error:
            metrics.STORE_MALFORMED.labels(error.reason).inc()
            log.warning("stored rows cannot be read", shard=self._shard, error=str(error))
            return None

    async def restore(
        self, processor: ShardProcessor, checkpoint: Checkpoint, known: AbstractSet[str]
    ) -> None:
        """Let a new processor continue from a checkpoint, and from the tapes of its symbols.

        `known` are the symbols of the reference data: see `ShardProcessor.restore`.
        """
        processor.restore(checkpoint, known)
        symbols = processor.symbols
        for first in range(0, len(symbols), TAPES_READ_TOGETHER):
            tapes = await self._snapshots.tapes(symbols[first : first + TAPES_READ_TOGETHER])
            processor.checkpoint.restore_tapes(first, tapes)
        processor.checkpoint.complete_tapes(await self._snapshots.day_of_tapes(self._shard))

    async def publish(self, processor: ShardProcessor) -> ShardTick:
        """Store and announce the next tick of a processor in one transaction.

        Tapes that are too large for one transaction are stored before it, in portions. If the cache fails,
        its content is not known, and all parts of the checkpoint are due again. The same holds if it answers
        that it does not have them all. The tick is confirmed only if it was stored.
        """
        try:
            for portion in processor.checkpoint.tapes_ahead():
                await self._publisher.store_tapes(portion)
            tick = processor.tick(self._clock.time_ns())
            holds_all_parts = await self._publisher.publish_tick(self._shard, tick)
        except StoreUnavailable:
            processor.checkpoint.store_anew()
            raise
        processor.confirm(tick)
        if not holds_all_parts:
            processor.checkpoint.store_anew()
        return tick
