"""Massive's frames taken apart: which event goes to which queue and shard, its text untouched.

A frame is a JSON array of objects (also when it holds a single status). Of each event only `ev` and the
symbol are read; the slice of the original text goes on byte for byte.

Two ways lead through. Nearly every frame holds nothing but known events with a symbol: two msgspec passes
over the whole frame (slices, headers) and one loop sort it, about 0.7 µs an event. A frame with anything
else in it takes the second way, event by event, which knows the reason for everything it sets aside.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Final, TypeAlias

import msgspec

from marketdata.events import EventType
from marketdata.providers.base import RoutedEvents, Routing, StatusEvent
from marketdata.transport.queues import QueueName, shard_of

QUEUE_OF: Final[Mapping[EventType, QueueName]] = {
    EventType.SECOND_AGGREGATE: QueueName.AGGREGATE,
    EventType.MINUTE_AGGREGATE: QueueName.AGGREGATE,
    EventType.TRADE: QueueName.TRADES,
    EventType.QUOTE: QueueName.QUOTES,
    EventType.PRICE_BANDS: QueueName.HALTS,
}
UNKNOWN_SHARD: Final = 0
MAX_FRAME_CHARACTERS: Final = 16 * 2**20
# Of text that is not JSON at all only the beginning is kept, as a JSON string: enough to see what it was.
MALFORMED_EXCERPT_CHARACTERS: Final = 2_000
# Statuses come in frames of their own: small ones, or long ones (acknowledgements) that begin with one.
STATUS_FRAME_CHARACTERS: Final = 16_384
STATUS_HEAD_CHARACTERS: Final = 64
KNOWN_SYMBOLS_LIMIT: Final = 65_536

_Symbol: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class _SecondAggregate(msgspec.Struct, gc=False, tag_field="ev", tag="A"):
    sym: _Symbol


class _MinuteAggregate(msgspec.Struct, gc=False, tag_field="ev", tag="AM"):
    sym: _Symbol


class _Trade(msgspec.Struct, gc=False, tag_field="ev", tag="T"):
    sym: _Symbol


class _Quote(msgspec.Struct, gc=False, tag_field="ev", tag="Q"):
    sym: _Symbol


class _PriceBands(msgspec.Struct, gc=False, tag_field="ev", tag="LULD"):
    sym: _Symbol = msgspec.field(name="T")


class _Status(msgspec.Struct, gc=False, tag_field="ev", tag="status"):
    status: str
    message: str = ""


class _TypeOnly(msgspec.Struct, gc=False):
    ev: str


_Header: TypeAlias = _SecondAggregate | _MinuteAggregate | _Trade | _Quote | _PriceBands

_QUEUE_OF_HEADER: Final[Mapping[type[_Header], QueueName]] = {
    _SecondAggregate: QUEUE_OF[EventType.SECOND_AGGREGATE],
    _MinuteAggregate: QUEUE_OF[EventType.MINUTE_AGGREGATE],
    _Trade: QUEUE_OF[EventType.TRADE],
    _Quote: QUEUE_OF[EventType.QUOTE],
    _PriceBands: QUEUE_OF[EventType.PRICE_BANDS],
}
_KNOWN_TYPES: Final = frozenset([*EventType, "status"])

_slices: Final = msgspec.json.Decoder(list[msgspec.Raw])
_headers: Final = msgspec.json.Decoder(list[_Header])
_header_or_status: Final = msgspec.json.Decoder(_Header | _Status)
_type_only: Final = msgspec.json.Decoder(_TypeOnly)

# RecursionError: nested deeper than the decoder follows. UnicodeError: text that has no UTF-8 form.
_NOT_DECODABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeError)


class FrameRouter:
    """Sorts the events of frames into (queue, shard); see `marketdata.providers.base.EventRouter`."""

    def __init__(self, shard_count: int) -> None:
        self._shard_count = shard_count
        self._shards = _ShardOfSymbol(shard_count)
        self._queues = tuple(QueueName)
        self._offset_of_header = {
            header: self._queues.index(queue) * shard_count for header, queue in _QUEUE_OF_HEADER.items()
        }
        self._start_anew()

    def add(self, data: str | bytes) -> None:
        """Sort the events of one frame. Never raises: what is not understood is set aside with a reason."""
        if len(data) > MAX_FRAME_CHARACTERS:
            self._set_aside_text(data, "oversized_frame")
            return
        try:
            slices = _slices.decode(data)
        except _NOT_DECODABLE as error:
            is_json = isinstance(error, msgspec.ValidationError)
            self._set_aside_text(data, "not_an_array" if is_json else "not_json")
            return
        try:
            headers = _headers.decode(data)
        except _NOT_DECODABLE:
            self._add_one_by_one(slices)
            return
        appenders, offset, shard = self._appenders, self._offset_of_header, self._shards
        for header, event in zip(headers, slices, strict=True):
            appenders[offset[header.__class__] + shard[header.sym]](event)

    def take(self) -> Routing:
        """Everything added since the last call."""
        parts = [
            RoutedEvents(
                self._queues[index // self._shard_count],
                index % self._shard_count,
                len(events),
                b"[" + b",".join(events) + b"]",
            )
            for index, events in enumerate(self._events)
            if events
        ]
        routing = Routing(parts, self._statuses, self._set_aside)
        self._start_anew()
        return routing

    def _start_anew(self) -> None:
        self._events: list[list[msgspec.Raw | bytes]] = [
            [] for _ in range(len(self._queues) * self._shard_count)
        ]
        self._appenders: list[Callable[[msgspec.Raw], None]] = [events.append for events in self._events]
        self._statuses: list[StatusEvent] = []
        self._set_aside: Counter[str] = Counter()

    def _add_one_by_one(self, slices: list[msgspec.Raw]) -> None:
        for event in slices:
            try:
                header = _header_or_status.decode(event)
            except _NOT_DECODABLE:
                self._set_aside_event(event, _why_not_routable(event))
                continue
            if isinstance(header, _Status):
                self._statuses.append(StatusEvent(header.status, header.message))
            else:
                self._appenders[self._offset_of_header[header.__class__] + self._shards[header.sym]](event)

    def _set_aside_text(self, data: str | bytes, reason: str) -> None:
        excerpt = data[:MALFORMED_EXCERPT_CHARACTERS]
        if isinstance(excerpt, bytes):
            excerpt = excerpt.decode(errors="replace")
        printable = excerpt.encode(errors="replace").decode()
        self._set_aside_event(msgspec.json.encode(printable), reason)

    def _set_aside_event(self, event: msgspec.Raw | bytes, reason: str) -> None:
        index = self._queues.index(QueueName.UNKNOWN) * self._shard_count + UNKNOWN_SHARD
        self._events[index].append(event)
        self._set_aside[reason] += 1


def statuses_of(data: str | bytes) -> list[StatusEvent]:
    """The statuses in a frame of statuses; none for a large frame of data, or what is not understood."""
    is_long = len(data) > STATUS_FRAME_CHARACTERS
    if not _mentions_status(data[:STATUS_HEAD_CHARACTERS] if is_long else data):
        return []
    router = FrameRouter(shard_count=1)
    router.add(data)
    return list(router.take().statuses)


def count_events(data: str | bytes) -> int:
    """How many events routing the frame would give, at less than half its cost; for frames given up."""
    if len(data) <= MAX_FRAME_CHARACTERS and not _mentions_status(data):
        with contextlib.suppress(*_NOT_DECODABLE):
            return len(_slices.decode(data))
    router = FrameRouter(shard_count=1)
    router.add(data)
    return sum(part.event_count for part in router.take().parts)


def _mentions_status(data: str | bytes) -> bool:
    return b'"status"' in data if isinstance(data, bytes) else '"status"' in data


class _ShardOfSymbol(dict[str, int]):
    """Shards of the symbols seen so far: a dictionary is twice as fast as a cached function here."""

    def __init__(self, shard_count: int) -> None:
        super().__init__()
        self._shard_count = shard_count

    def __missing__(self, symbol: str) -> int:
        if len(self) >= KNOWN_SYMBOLS_LIMIT:  # no market has so many: rubbish must not fill the memory
            self.clear()
        shard = self[symbol] = shard_of(symbol, self._shard_count)
        return shard


def _why_not_routable(event: msgspec.Raw) -> str:
    try:
        event_type = _type_only.decode(event).ev
    except _NOT_DECODABLE:
        return "no_event_type"
    if event_type not in _KNOWN_TYPES:
        return "unknown_event_type"
    return "malformed_status" if event_type == "status" else "no_symbol"
