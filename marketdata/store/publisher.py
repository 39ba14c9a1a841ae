"""Stores row blocks and announces them.

Store, then announce: one transaction sets the value first and publishes its announcement second, so the value
is readable as soon as the announcement arrives. After an error either both happened or neither. A repeated
announcement has the same epoch and tick, by which readers recognise it.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from marketdata.observability import metrics
from marketdata.payloads import RowBlock, UnknownPiece, encode_row_block, encode_unknown
from marketdata.reference.flaws import StoredParts, encode_parts
from marketdata.reference.tickers import Ticker, encode_tickers
from marketdata.reference.volume_curve import VolumeCurve, encode_volume_curve
from marketdata.store.connection import driver_errors
from marketdata.store.keys import (
    BOARD_TTL_SECONDS,
    REFERENCE_TTL_SECONDS,
    ROWS_TTL_SECONDS,
    STREAM_BLOCKS,
    STREAM_TTL_SECONDS,
    UNKNOWN_PIECES,
    UNKNOWN_TTL_SECONDS,
    Keys,
)
from marketdata.store.row_log import MOST_LOGGED_BLOCKS, StoredRows
from marketdata.store.shard_state import ShardTick
from marketdata.store.tapes import queue_writes
from marketdata.tapes import TapeTick, TapeWrites, encode_header


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One value to write to the cache, and its announcement.

    `data` is stored under `key` for `ttl_seconds`. With a `list_limit`, it is appended to a list, followed by
    `further_items`, and the list keeps its newest `list_limit` items. `announcement` is published on the
    channel `channel`, by default `key`; if it is empty, the change is not announced. `scores` replace the
    sorted set `scores_key`, with the same time to live. The key `ended` is deleted.
    """

    key: str
    data: bytes
    ttl_seconds: int
    announcement: bytes = b""
    channel: str = ""
    list_limit: int = 0
    further_items: Sequence[bytes] = ()
    scores_key: str = ""
    scores: Mapping[str, float] = MappingProxyType({})
    ended: str = ""


class Expected(msgspec.Struct, frozen=True):
    """What the cache must have after a transaction: keys, and the rows of a shard."""

    keys: Sequence[str] = ()
    rows: StoredRows | None = None

    def ask(self, pipeline: Any) -> None:
        """Queue the questions at the end of a transaction."""
        if self.rows is not None:
            self.rows.ask(pipeline)
        if self.keys:
            pipeline.exists(*self.keys)

    def holds(self, replies: Sequence[Any]) -> bool:
        """Whether the replies of the transaction say that the cache has it all."""
        if self.keys:
            *replies, found = replies
            if found != len(self.keys):
                return False
        return self.rows is None or self.rows.holds(*replies[-2:])


NOTHING_EXPECTED: Final = Expected()


class BlockPublisher:
    """Stores and announces row blocks. Every method raises `StoreUnavailable` while the cache is away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def publish_tick(self, shard: int, tick: ShardTick) -> bool:
        """Store a tick of a shard, and announce its changed rows and stream entries, in one transaction.

        All rows replace the stored ones and their row log, or the changed rows are appended to the log.
        Unknown pieces are appended to the stored list of such pieces. Refused symbols replace the stored
        block.
        A block of a stream that is published twice has the same epoch and tick both times.

        Returns whether the cache now has all rows, private columns and tapes of the shard. False means that
        the cache lost its content, or that somebody else wrote the rows.
        """
        results = (
            *self._checkpoint_parts(shard, tick),
            self._rows(shard, tick),
            *self._stream_results(shard, tick.streams),
            *self._unknown_results(shard, tick.unknown),
            *self._tapes_mark(shard, tick.tapes),
        )
        parts = [self._keys.private_columns(shard, name) for name in tick.private_groups]
        if tick.tapes is not None:
            parts.append(self._keys.tapes(shard))
        block = tick.changed if tick.whole is None else tick.whole
        expected = Expected(parts, StoredRows.after(shard, block, tick.log_end, self._keys))
        return await self.publish(results, None if tick.tapes is None else tick.tapes.writes, expected)

    async def store_tapes(self, writes: TapeWrites) -> None:
        """Store a part of the tapes on its own, before the rows that announce the same tick."""
        await self.publish((), writes)

    async def publish_board(self, feed: str, block: RowBlock, scores: Mapping[str, float]) -> None:
        """Store and announce a leaderboard, and replace its sorted set by `scores` (symbol -> score)."""
        encoded = encode_row_block(block)
        board = Result(
            key=self._keys.board(feed),
            data=encoded,
            ttl_seconds=BOARD_TTL_SECONDS,
            announcement=encoded,
            scores_key=self._keys.leaderboard(feed),
            scores=scores,
        )
        await self.publish((board,))

    async def publish_reference(
        self,
        block: RowBlock,
        *,
        tickers: Mapping[str, Ticker] | None = None,
        volume_curve: VolumeCurve | None = None,
        parts: StoredParts | None = None,
    ) -> None:
        """Store and announce reference data of the whole market. A part that is None stays as stored."""
        encoded = encode_row_block(block)
        ttl = REFERENCE_TTL_SECONDS
        results = [Result(key=self._keys.reference(), data=encoded, ttl_seconds=ttl, announcement=encoded)]
        if volume_curve is not None:
            data = encode_volume_curve(volume_curve)
            results.insert(0, Result(key=self._keys.volume_curve(), data=data, ttl_seconds=ttl))
        if parts is not None:
            data = encode_parts(parts)
            results.insert(0, Result(key=self._keys.reference_parts(), data=data, ttl_seconds=ttl))
        if tickers is not None:
            data = encode_tickers(tickers)
            results.insert(0, Result(key=self._keys.tickers(), data=data, ttl_seconds=ttl))
        await self.publish(results)

    async def publish(
        self,
        results: Iterable[Result],
        tapes: TapeWrites | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> bool:
        """Write the tapes, then the results in their order, in one transaction.

        Returns whether the cache has all that is `expected` afterwards.
        """
        size = sum(map(len, tapes.parts)) if tapes else 0
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                if tapes:
                    queue_writes(pipeline, tapes, self._keys)
                for result in results:
                    _queue(pipeline, result)
                    size += len(result.data) + len(result.announcement) + sum(map(len, result.further_items))
                expected.ask(pipeline)
                replies = await pipeline.execute()
        metrics.STORE_PUBLISHED_BYTES.inc(size)
        metrics.STORE_TAPE_PARTS.inc(len(tapes) if tapes else 0)
        return expected.holds(replies)

    def _rows(self, shard: int, tick: ShardTick) -> Result:
        """All rows, which end the row log, or a further block of the log. Only the changes are announced.

        Each block makes the log live longer, and the whole not. The log is bounded, so a whole follows soon.
        """
        changed = encode_row_block(tick.changed)
        if tick.whole is None:
            return Result(
                key=self._keys.row_log(shard),
                data=changed,
                ttl_seconds=ROWS_TTL_SECONDS,
                list_limit=MOST_LOGGED_BLOCKS,
                announcement=changed,
                channel=self._keys.rows(shard),
            )
        return Result(
            key=self._keys.rows(shard),
            data=changed if tick.changed is tick.whole else encode_row_block(tick.whole),
            ttl_seconds=ROWS_TTL_SECONDS,
            announcement=changed,
            ended=self._keys.row_log(shard),
        )

    def _checkpoint_parts(self, shard: int, tick: ShardTick) -> Sequence[Result]:
        """The other parts of the checkpoint: the private columns, and the symbols that got no row."""
        blocks = {
            self._keys.private_columns(shard, name): block for name, block in tick.private_columns.items()
        }
        if tick.refused is not None:
            blocks[self._keys.refused(shard)] = tick.refused
        return [
            Result(key=key, data=encode_row_block(block), ttl_seconds=ROWS_TTL_SECONDS)
            for key, block in blocks.items()
        ]

    def _stream_results(self, shard: int, streams: Mapping[str, Sequence[RowBlock]]) -> Sequence[Result]:
        return [
            self._stream_result(self._keys.stream(shard, name), encode_row_block(block))
            for name, blocks in streams.items()
            for block in blocks
        ]

    def _tapes_mark(self, shard: int, tapes: TapeTick | None) -> Sequence[Result]:
        """The mark that all tapes of the day are stored, if this tick completes them."""
        if tapes is None or not tapes.completes:
            return ()
        day = encode_header(tapes.day_start_ms)
        return (Result(key=self._keys.tapes(shard), data=day, ttl_seconds=ROWS_TTL_SECONDS),)

    def _unknown_results(self, shard: int, pieces: Sequence[UnknownPiece]) -> Sequence[Result]:
        if not pieces:
            return ()
        first, *others = map(encode_unknown, pieces)
        return (
            Result(
                key=self._keys.unknown(shard),
                data=first,
                further_items=others,
                ttl_seconds=UNKNOWN_TTL_SECONDS,
                list_limit=UNKNOWN_PIECES,
            ),
        )

    def _stream_result(self, key: str, data: bytes) -> Result:
        return Result(
            key=key,
            data=data,
            ttl_seconds=STREAM_TTL_SECONDS,
            announcement=data,
            list_limit=STREAM_BLOCKS,
        )


def _queue(pipeline: Any, result: Result) -> None:
    """Add the commands of a result: store, then publish."""
    if result.list_limit:
        pipeline.rpush(result.key, result.data, *result.further_items)
        pipeline.ltrim(result.key, -result.list_limit, -1)
        pipeline.expire(result.key, result.ttl_seconds)
    else:
        pipeline.set(result.key, result.data, ex=result.ttl_seconds)
    if result.scores_key:
        pipeline.delete(result.scores_key)
        if result.scores:
            pipeline.zadd(result.scores_key, dict(result.scores))
            pipeline.expire(result.scores_key, result.ttl_seconds)
    if result.ended:
        pipeline.delete(result.ended)
    if result.announcement:
        pipeline.publish(result.channel or result.key, result.announcement)
