"""Receives row blocks as they are announced, over one connection that is renewed after every failure.

Redis pub/sub delivers at most once. A reader that is disconnected (or so slow that the server disconnects it)
loses announcements. `MissedAnnouncements` reports that; the reader of these items then reads the stored
blocks. Within a connection, the ticks of the blocks show a gap.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final, TypeAlias, TypedDict

import msgspec
from redis.asyncio.client import PubSub
from redis.backoff import ExponentialWithJitterBackoff

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.payloads import RowBlock, decode_row_block
from marketdata.store.connection import connect, driver_errors

SILENCE_SECONDS: Final = 2.0
MOST_PER_BATCH: Final = 32
"""Decoding so many blocks takes some milliseconds. Then other tasks of the event loop have a turn."""

_log = get_logger(__name__)


class Announcement(msgspec.Struct, frozen=True):
    """A block that was just stored. `channel` is also the key under which it is stored."""

    channel: str
    block: RowBlock


class MissedAnnouncements(msgspec.Struct, frozen=True):
    """A new connection. Earlier announcements may be lost, so read the stored blocks again."""


News: TypeAlias = Announcement | MissedAnnouncements


class NewsBatch(msgspec.Struct, frozen=True):
    """News in order. `more_wait`: more were already there, so a batch follows at once."""

    news: Sequence[News]
    more_wait: bool = False


class _Message(TypedDict):
    """The driver's form of a message from the server. In a confirmation, `data` is a count."""

    type: str
    channel: bytes | None
    data: bytes | int


class AnnouncementReader:
    """Iterates over announcements without an end, and never raises `StoreUnavailable`.

    `batches` gives all news that wait together, so that a slow reader can merge them before it acts.

    The first item of every connection is `MissedAnnouncements`. It follows the server's confirmation of the
    subscription, so no announcement is lost between a read of the store and the first announcement.
    Malformed messages are counted and skipped. Each iteration has its own connection, which is closed when
    the iteration ends.
    """

    def __init__(self, redis_url: str, channels: Sequence[str]) -> None:
        self._url = redis_url
        self._channels = tuple(channels)
        self._malformed_log = RateLimitedLog(_log)

    async def __aiter__(self) -> AsyncGenerator[News, None]:
        async with contextlib.aclosing(self.batches()) as batches:
            async for batch in batches:
                for item in batch.news:
                    yield item

    async def batches(self) -> AsyncGenerator[NewsBatch, None]:
        """The same news, each time all that wait, but at most `MOST_PER_BATCH`. A batch is never empty."""
        backoff = ExponentialWithJitterBackoff(base=0.1, cap=2.0)
        failures = 0
        while True:
            try:
                async with contextlib.aclosing(self._connection()) as batches:
                    async for batch in batches:
                        yield batch
                        failures = 0 if isinstance(batch.news[-1], Announcement) else failures
            except StoreUnavailable as error:
                failures += 1
                metrics.STORE_RECONNECTS.inc()
                _log.warning("announcements interrupted", error=str(error), failures=failures)
            await asyncio.sleep(backoff.compute(failures))

    async def _connection(self) -> AsyncGenerator[NewsBatch, None]:
        """The batches of one connection until it fails. The driver must not reconnect on its own."""
        redis = connect(self._url, retries=0)
        pubsub = redis.pubsub()
        try:
            with driver_errors():
                await self._subscribe(pubsub)
            yield NewsBatch((MissedAnnouncements(),))
            while True:
                with driver_errors():
                    messages, more_wait = await _next_messages(pubsub)
                news = [item for item in map(self._decode, messages) if item is not None]
                if news:
                    yield NewsBatch(news, more_wait)
        finally:
            with contextlib.suppress(StoreUnavailable), driver_errors():
                await pubsub.aclose()  # type: ignore[no-untyped-call]
                await redis.aclose()

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Subscribe and wait for every confirmation. `MissedAnnouncements` covers messages skipped here."""
        await pubsub.subscribe(*self._channels)
        unconfirmed = set(self._channels)
        while unconfirmed:
            message = await _next_message(pubsub)
            if message["type"] == "subscribe" and message["channel"] is not None:
                unconfirmed.discard(message["channel"].decode())

    def _decode(self, message: _Message) -> Announcement | None:
        channel, data = message["channel"], message["data"]
        if message["type"] != "message" or channel is None or not isinstance(data, bytes):
            return None
        try:
            announcement = Announcement(channel.decode(), decode_row_block(data))
        except ContentError as error:
            metrics.STORE_MALFORMED.labels(error.reason).inc()
            self._malformed_log.warning(
                "announcement malformed", reason=error.reason, channel=channel.decode()
            )
            return None
        metrics.STORE_ANNOUNCEMENTS.inc()
        return announcement


async def _next_messages(pubsub: PubSub) -> tuple[Sequence[_Message], bool]:
    """Wait for a message. Returns it with those that wait behind it, and whether even more may wait."""
    await asyncio.sleep(0)  # messages that wait are read without a turn of the event loop
    messages = [await _next_message(pubsub)]
    while len(messages) < MOST_PER_BATCH:
        message: _Message | None = await pubsub.get_message(timeout=0)
        if message is None:
            # The driver's buffer is empty. The socket may hold more, which the event loop reads in its turn.
            await asyncio.sleep(0)
            message = await pubsub.get_message(timeout=0)
        if message is None:
            return messages, False
        messages.append(message)
    return messages, True


async def _next_message(pubsub: PubSub) -> _Message:
    """The next message of any type.

    Raises:
        TimeoutError: the server sent nothing for twice `SILENCE_SECONDS`, not even an answer to a ping.
    """
    for _ in range(2):
        message: _Message | None = await pubsub.get_message(timeout=SILENCE_SECONDS)
        if message is not None:
            return message
        await pubsub.ping()
    raise TimeoutError(f"silent for {2 * SILENCE_SECONDS} s")
