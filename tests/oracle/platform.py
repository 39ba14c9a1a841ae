"""The platform without its processes: router, queues, shard processors, store and scanner, killed at random.

Everything between is the platform's own, bodies of batches and stored bytes of blocks included. Only the
transport and the store themselves are plain lists and dictionaries here, which keep what their contracts
promise: each queue goes its own pace, what is not acknowledged comes again, and a tick is stored and
announced as a whole or not at all.
"""

import itertools
import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from marketdata.payloads import RowBlock, decode_row_block, encode_row_block
from marketdata.providers.massive.framing import FrameRouter
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.tapes import (
    StoredTape,
    TapeWrites,
    decode_day,
    decode_tape,
    encode_header,
    newest_first,
)
from marketdata.trading_calendar import TradingCalendar
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from scanners.processor.market_time import Present
from scanners.processor.outcome import Outcome as ShardOutcome
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes, schema
from scanners.registry import streams as table_streams
from scanners.scanner.market import MarketScanner, Merge
from tests.oracle.books import Books
from tests.oracle.disturbance import Arrived
from tests.oracle.invented_reference import reference_block, volume_curve
from tests.oracle.outcome import Outcome, told_once
from tests.oracle.reference import ReferenceData
from tests.support.stored_ticks import StoredTicks

TURN_SHARE: Final = 0.6
"""How often one of the shards gets to work when frames have arrived."""
KILL_SHARE: Final = 0.06
"""Of a shard's turns; each kill falls on one of several moments of a turn."""
TICK_SHARE: Final = 0.4
LOST_ANNOUNCEMENT_SHARE: Final = 0.02
SCANNER_KILL_SHARE: Final = 0.001
_NS_PER_MS: Final = 1_000_000


class ProcessorKilled(Exception):
    """Here it ends: nothing after this line of the processor's turn happens."""


class StoredShard(msgspec.Struct):
    """What the cache holds of a shard, as bytes."""

    rows: StoredTicks = msgspec.field(default_factory=StoredTicks)
    private_columns: dict[str, bytes] = {}
    streams: dict[str, list[bytes]] = {}
    tapes: dict[str, bytes] = {}
    day_of_tapes: bytes = b""

    def publish(self, tick: ShardTick) -> None:
        """Store a tick as `BlockPublisher.publish_tick` does: all of it."""
        self.rows.store(tick)
        self.private_columns = self.private_columns | {
            name: encode_row_block(block) for name, block in tick.private_columns.items()
        }
        for stream, blocks in tick.streams.items():
            self.streams.setdefault(stream, []).extend(encode_row_block(block) for block in blocks)
        if tick.tapes is not None:
            self.write_tapes(tick.tapes.writes)
            if tick.tapes.completes:
                self.day_of_tapes = encode_header(tick.tapes.day_start_ms)

    def write_tapes(self, writes: TapeWrites) -> None:
        """Write parts into stored tapes, or whole ones."""
        for symbol, offset, part in zip(writes.symbols, writes.offsets, writes.parts, strict=True):
            known = self.tapes.get(symbol, b"") if offset else b""
            self.tapes[symbol] = known[:offset] + part + known[offset + len(part) :]

    def checkpoint(self) -> Checkpoint:
        """Read it back."""
        private = {name: decode_row_block(data) for name, data in self.private_columns.items()}
        return Checkpoint(self.rows.rows(), private)

    def tape(self, symbol: str) -> StoredTape | None:
        """The tape of a symbol."""
        data = self.tapes.get(symbol)
        return None if data is None else decode_tape(data)


class ShardOwners:
    """The processors of one shard, one after the other, with their queues and what they stored."""

    def __init__(
        self,
        shard: int,
        calendar: TradingCalendar,
        reference: ReferenceData,
        *,
        epochs: Iterable[int],
        chance: random.Random,
        kill_share: float,
        books: Books,
    ) -> None:
        self.shard: Final = shard
        self._books: Final = books
        self.stored: Final = StoredShard()
        self.kills = 0
        self._now_ns = 0
        self._calendar = calendar
        self._reference = reference
        self._epochs = iter(epochs)
        self._chance = chance
        self._kill_share = kill_share
        self._waiting: dict[QueueName, deque[Batch]] = {}
        self._unacknowledged: list[Batch] = []
        self._outcomes: list[ShardOutcome] = []
        self._announced: list[bytes] = []
        self._start()

    def publish(self, batch: Batch) -> None:
        """Append a batch to its queue, if a processor takes from it."""
        self._now_ns = batch.received_ns
        if batch.queue in self._waiting:
            self._waiting[batch.queue].append(batch)

    def use_reference(self, reference: ReferenceData) -> None:
        """Take new reference data, now and after every death."""
        self._reference = reference
        self._apply_reference()

    def take_turn(self) -> None:
        """Work as a processor does between two of its ticks, or die at some moment of it."""
        try:
            self._work()
        except ProcessorKilled:
            self.kills += 1
            self._start()

    def drain(self) -> None:
        """Work until nothing waits, and publish, undisturbed."""
        while any(self._waiting.values()):
            self._apply(self._received())
        self._tick_and_acknowledge(kill_at=None)

    def take_announced(self) -> Sequence[bytes]:
        """What was announced since the last call."""
        announced, self._announced = self._announced, []
        return announced

    def _start(self) -> None:
        """A successor: stored state, reference data, and again what was not acknowledged, oldest first."""
        self._processor = ShardProcessor(
            self.shard, routes=routes(), calendar=self._calendar, epoch=next(self._epochs)
        )
        if not self.stored.rows.is_empty:
            self._processor.restore(self.stored.checkpoint(), self._reference.rows.keys())
            self._processor.checkpoint.restore_tapes(0, map(self.stored.tape, self._processor.symbols))
            self._processor.checkpoint.complete_tapes(decode_day(self.stored.day_of_tapes))
        self._apply_reference()
        if not self._waiting:
            self._waiting = {queue: deque() for queue in self._processor.queues}
        for batch in reversed(self._unacknowledged):
            self._waiting[batch.queue].appendleft(batch)
        self._unacknowledged.clear()
        self._outcomes.clear()

    def _apply_reference(self) -> None:
        self._processor.apply_reference(reference_block(self._reference), volume_curve(self._reference))

    def _work(self) -> None:
        kill_at = self._chance.choice(_MOMENTS) if self._chance.random() < self._kill_share else None
        self._apply(self._received())
        _die_if(kill_at, "applied")
        if self._chance.random() < TICK_SHARE:
            self._tick_and_acknowledge(kill_at)

    def _received(self) -> Sequence[Batch]:
        """Some of what waits: each queue goes its own pace."""
        batches: list[Batch] = []
        for waiting in self._waiting.values():
            batches += [waiting.popleft() for _ in range(self._chance.randint(0, len(waiting)))]
        self._unacknowledged += batches
        return batches

    def _apply(self, batches: Sequence[Batch]) -> None:
        if batches:
            self._outcomes.append(self._processor.apply(batches, now=Present(self._now_ns, self._now_ns)))

    def _tick_and_acknowledge(self, kill_at: str | None) -> None:
        for portion in self._processor.checkpoint.tapes_ahead():
            self.stored.write_tapes(portion)
        tick = self._processor.tick(published_ns=1)
        _check_circumstances(tick, self.stored.rows.after(tick))
        _die_if(kill_at, "ticked")
        if kill_at == "store refused":  # survived: the cache was away, and perhaps has lost what it held
            self._processor.checkpoint.store_anew()
            return
        self.stored.publish(tick)
        self._announced.append(encode_row_block(tick.changed))
        _die_if(kill_at, "stored")
        if kill_at == "answer lost":  # survived: the cache stored the tick, but its answer did not arrive
            self._processor.checkpoint.store_anew()
            return
        self._processor.confirm(tick)
        self._unacknowledged.clear()
        for outcome in self._outcomes:
            self._books.process(outcome)
        self._outcomes.clear()


_MOMENTS: Final = ("applied", "ticked", "stored", "store refused", "answer lost")


def _die_if(kill_at: str | None, moment: str) -> None:
    if kill_at == moment:
        raise ProcessorKilled(moment)


_CIRCUMSTANCES: Final = {stream.name: stream.circumstances for stream in schema(routes()).streams}


def _check_circumstances(tick: ShardTick, whole: RowBlock) -> None:
    """What a new line of a stream tells beside what happened is the symbol's row as of the same tick."""
    for stream, blocks in tick.streams.items():
        for block in blocks:
            if block.tick == whole.tick:
                rows = {symbol: row for row, symbol in enumerate(whole.symbols)}
                # The row of the day before has left where reference data does not know the symbol.
                lines = [line for line, symbol in enumerate(block.symbols) if symbol in rows]
                places = [rows[block.symbols[line]] for line in lines]
                for name in _CIRCUMSTANCES[stream]:
                    told, known = (
                        block.columns[name][lines].tolist(),
                        whole.columns[name][places].tolist(),
                    )
                    assert str(told) == str(known), name  # NaN is unlike itself, its text is not


class Platform:
    """All shards and a scanner, fed with what arrives. Deterministic in `chance`."""

    def __init__(
        self,
        shard_count: int,
        calendar: TradingCalendar,
        reference: ReferenceData,
        chance: random.Random,
        *,
        kill_share: float = KILL_SHARE,
    ) -> None:
        self._chance = chance
        self._router = FrameRouter(shard_count)
        self._epochs = itertools.count(1)
        self.books: Final = Books()
        self._owners = [
            ShardOwners(
                shard,
                calendar,
                reference,
                epochs=self._epochs,
                chance=chance,
                kill_share=kill_share,
                books=self.books,
            )
            for shard in range(shard_count)
        ]
        self._sequence = itertools.count(1)
        self._scanner = MarketScanner(epoch=next(self._epochs))

    @property
    def kills(self) -> int:
        """How many processors died so far."""
        return sum(owner.kills for owner in self._owners)

    def receive(self, arrived: Arrived) -> None:
        """Route the frames, and let some of the shards work."""
        for frame in arrived.frames:
            self._router.add(frame)
        routing = self._router.take()
        self.books.route(routing)
        for part in routing.parts:
            self._owners[part.shard].publish(
                Batch(
                    format="massive",
                    queue=part.queue,
                    shard=part.shard,
                    source="oracle",
                    sequence=next(self._sequence),
                    received_ns=arrived.received_ms * _NS_PER_MS,
                    feed_time_ms=arrived.feed_time_ms,
                    event_count=part.event_count,
                    body=part.body,
                )
            )
        for owner in self._owners:
            if self._chance.random() < TURN_SHARE / len(self._owners):
                owner.take_turn()
        if self._chance.random() < SCANNER_KILL_SHARE:
            self._scanner = MarketScanner(epoch=next(self._epochs))
        self._scan()

    def use_reference(self, reference: ReferenceData) -> None:
        """Give all shards new reference data, whatever waits for them."""
        for owner in self._owners:
            owner.use_reference(reference)

    def settle(self) -> None:
        """Let everything that arrived take effect."""
        for owner in self._owners:
            owner.drain()
        self._scan(nothing_lost=True)

    def outcome(self) -> Outcome:
        """What is stored now, and the boards as the scanner would publish them."""
        stored = [owner.stored for owner in self._owners]
        streams: dict[str, list[RowBlock]] = {name: [] for name in table_streams(routes())}
        for shard in stored:
            for name, blocks in shard.streams.items():
                streams[name] += told_once(map(decode_row_block, blocks))
        return Outcome(
            rows=[shard.rows.rows() for shard in stored],
            streams=streams,
            boards={board.feed: board.block for board in self._scanner.rank_boards(published_ns=1)},
            tapes={
                symbol: newest_first(decode_tape(data))
                for shard in stored
                for symbol, data in shard.tapes.items()
            },
        )

    def _scan(self, *, nothing_lost: bool = False) -> None:
        for owner in self._owners:
            missed = False
            for announced in owner.take_announced():
                if not nothing_lost and self._chance.random() < LOST_ANNOUNCEMENT_SHARE:
                    continue
                missed |= self._scanner.apply_changed(owner.shard, decode_row_block(announced)) is Merge.GAP
            if missed:
                self._scanner.apply_whole(owner.shard, owner.stored.rows.rows())
