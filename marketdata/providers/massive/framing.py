"""Routes the events of Massive's frames to queues and shards, without a change of their text.

A frame is a JSON array of objects (also if it holds a single status). Of each event only `ev` and the symbol
are read. The original text of the event goes into the batch.

There are two ways. Nearly every frame has only known events in plain JSON that begin with `ev` and have a
symbol: one compiled loop sorts all waiting frames of this kind, in about 0.2 µs an event. Any other frame is
sorted event by event, in about 2 µs each, and every event that is set aside gets a reason. A frame that is
not JSON is first divided into pieces, so that only the broken pieces are lost. With `EVENT_DECODER=complete`
all frames are sorted the second way (`marketdata.decoder_choice`).
"""

import contextlib
import functools
import operator
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.codec.layout import SYMBOL_CHARACTERS
from marketdata.codec.pieces import CONTENT_ERRORS, event_code, is_json, pieces_of
from marketdata.decoder_choice import may_use_compiled_loops
from marketdata.events import LONGEST_SYMBOL, Symbol
from marketdata.feeds import MAX_FRAME_CHARACTERS, StatusEvent
from marketdata.kernels.frame_routing import (
    LEAST_EVENT,
    ROUTED_EVENT,
    ROUTED_PART,
    TYPE_ROUTE,
    FrameLayout,
    RoutingArrays,
    route_frames,
)
from marketdata.kernels.json_text import packed_word
from marketdata.providers.base import RoutedEvents, Routing
from marketdata.providers.massive.headers import STATUS
from marketdata.providers.massive.wire import EVENTS, TAG_FIELD, EventType, symbol_field
from marketdata.transport.queues import QueueName, shard_of

QUEUE_OF: Final[Mapping[EventType, QueueName]] = {
    EventType.SECOND_AGGREGATE: QueueName.AGGREGATE,
    EventType.MINUTE_AGGREGATE: QueueName.AGGREGATE,
    EventType.TRADE: QueueName.TRADES,
    EventType.QUOTE: QueueName.QUOTES,
    EventType.PRICE_BANDS: QueueName.HALTS,
}
UNKNOWN_SHARD: Final = 0
# The bytes that this many characters may need. A longer frame is not read: it ends the connection.
MAX_FRAME_BYTES: Final = 4 * MAX_FRAME_CHARACTERS
# Of text that is not JSON only the beginning is kept, as a JSON string: enough to recognize it.
MALFORMED_EXCERPT_CHARACTERS: Final = 2_000
# Statuses come in their own frames: small ones, or long ones (acknowledgements) that begin with a status.
STATUS_FRAME_CHARACTERS: Final = 16_384
STATUS_HEAD_CHARACTERS: Final = 64


class _Status(msgspec.Struct, gc=False, tag_field=TAG_FIELD, tag=STATUS):
    status: str
    message: str = ""


def _header_of(event: type[msgspec.Struct]) -> type[Any]:
    """The type and the symbol of an event of the wire, and nothing else."""
    return msgspec.defstruct(
        f"{event.__name__}Header",
        [("symbol", Symbol, msgspec.field(name=symbol_field(event)))],
        tag_field=TAG_FIELD,
        tag=str(event.__struct_config__.tag),
        gc=False,
    )


def _symbol_decoder(event: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    """Reads the symbol as any text."""
    name = msgspec.field(name=symbol_field(event))
    return msgspec.json.Decoder(msgspec.defstruct("AnySymbol", [("symbol", str, name)], gc=False))


# Each queue has a group of buckets, with one bucket for each shard.
_QUEUES: Final = tuple(QueueName)
_UNKNOWN_GROUP: Final = _QUEUES.index(QueueName.UNKNOWN)
_GROUP_OF_HEADER: Final = {
    _header_of(event): _QUEUES.index(QUEUE_OF[event_type]) for event_type, event in EVENTS.items()
}


_TAG_KEY: Final = np.uint64(packed_word(TAG_FIELD))
_ROUTES: Final = np.array(
    [
        (
            packed_word(str(header.__struct_config__.tag)),
            packed_word(header.__struct_encode_fields__[0]),
            group,
        )
        for header, group in _GROUP_OF_HEADER.items()
    ],
    dtype=TYPE_ROUTE,
)
_KNOWN_TYPES: Final = frozenset([*EventType, STATUS])

_slices: Final = msgspec.json.Decoder(list[msgspec.Raw])
_value: Final = msgspec.json.Decoder(msgspec.Raw)
_header_or_status: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(
    functools.reduce(operator.or_, _GROUP_OF_HEADER, _Status)
)
_symbol_decoders: Final = {event_type: _symbol_decoder(event) for event_type, event in EVENTS.items()}

_NOT_JSON: Final = "not_json"


class FrameRouter:
    """Sorts the events of frames into (queue, shard); see `marketdata.providers.base.EventRouter`."""

    def __init__(self, shard_count: int) -> None:
        self._shard_count = shard_count
        self._is_compiled = may_use_compiled_loops()
        self._layout = FrameLayout(_TAG_KEY, _ROUTES, SYMBOL_CHARACTERS, LONGEST_SYMBOL, shard_count)
        self._make_room(0)
        self._start_anew()

    def add(self, data: str | bytes) -> None:
        """Keep a frame for `take`: it sorts all at once, since a call of compiled code has a fixed cost."""
        self._frames.append(data)

    def take(self) -> Routing:
        """The events of all frames since the last call. Never raises; unknown events are set aside."""
        if self._is_compiled:
            self._sort(self._frames)
        else:
            for data in self._frames:
                self._add_one_by_one(data)
        parts = [
            RoutedEvents(
                _QUEUES[bucket // self._shard_count],
                bucket % self._shard_count,
                self._event_counts[bucket],
                b"".join((b"[", *pieces[1:], b"]")),
            )
            for bucket, pieces in sorted(self._pieces.items())
        ]
        routing = Routing(parts, self._statuses, self._set_aside)
        self._start_anew()
        return routing

    def _start_anew(self) -> None:
        self._frames: list[str | bytes] = []
        self._pieces: defaultdict[int, list[msgspec.Raw | bytes | memoryview]] = defaultdict(list)
        self._event_counts: defaultdict[int, int] = defaultdict(int)
        self._statuses: list[StatusEvent] = []
        self._set_aside: defaultdict[str, int] = defaultdict(int)

    def _sort(self, frames: Sequence[str | bytes]) -> None:
        texts = [_text_of(data) for data in frames]
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        text = b"\0".join([*texts, b""])
        if len(text) > len(self._arrays.result):
            self._make_room(len(text))
        number = start = 0
        while number < len(frames):
            number, start, part_count = route_frames(text, lengths, number, start, self._layout, self._arrays)
            for bucket, event_count, first, end in self._arrays.parts[:part_count].tolist():
                self._append(bucket, self._sorted_text[first:end], event_count)
            if number < len(frames):
                self._add_one_by_one(frames[number])
                start += len(texts[number]) + 1
                number += 1

    def _make_room(self, size: int) -> None:
        self._arrays = RoutingArrays(
            events=np.empty(size // LEAST_EVENT, dtype=ROUTED_EVENT),
            result=np.empty(size, dtype=np.uint8),
            parts=np.zeros(len(_QUEUES) * self._shard_count, dtype=ROUTED_PART),
        )
        self._sorted_text = memoryview(self._arrays.result.data)

    def _append(self, bucket: int, events: msgspec.Raw | bytes | memoryview, event_count: int = 1) -> None:
        self._pieces[bucket] += (b",", events)
        self._event_counts[bucket] += event_count

    def _add_one_by_one(self, data: str | bytes) -> None:
        if len(data) > MAX_FRAME_CHARACTERS:
            self._set_aside_text(data, "oversized_frame")
            return
        events: Sequence[msgspec.Raw | bytes]
        try:
            events = _slices.decode(data)
        except CONTENT_ERRORS:
            if _is_json(data):
                self._set_aside_text(data, "not_an_array")
                return
            events = pieces_of(_text_of(data), TAG_FIELD)
        for event in events:
            try:
                header = _header_or_status.decode(event)
            except CONTENT_ERRORS:
                self._set_aside_event(bytes(event))
                continue
            if isinstance(header, _Status):
                self._statuses.append(StatusEvent(header.status, header.message))
            else:
                shard = shard_of(header.symbol, self._shard_count)
                self._append(_GROUP_OF_HEADER[header.__class__] * self._shard_count + shard, event)

    def _set_aside_text(self, data: str | bytes, reason: str) -> None:
        excerpt = data[:MALFORMED_EXCERPT_CHARACTERS]
        if isinstance(excerpt, bytes):
            excerpt = excerpt.decode(errors="replace")
        printable = excerpt.encode(errors="replace").decode()
        self._append_unknown(msgspec.json.encode(printable), reason)

    def _set_aside_event(self, event: bytes) -> None:
        reason = _why_not_routable(event)
        if reason == _NOT_JSON:
            self._set_aside_text(event, reason)
        else:
            self._append_unknown(event, reason)

    def _append_unknown(self, event: bytes, reason: str) -> None:
        self._append(_UNKNOWN_GROUP * self._shard_count + UNKNOWN_SHARD, event)
        self._set_aside[reason] += 1


def _is_json(data: str | bytes) -> bool:
    try:
        _value.decode(data)
    except CONTENT_ERRORS:
        return False
    return True


def mentions_status(data: str | bytes) -> bool:
    """Whether the frame may hold a status. False is certain, and cheap to find out."""
    return b'"status"' in data if isinstance(data, bytes) else '"status"' in data


def statuses_of(data: str | bytes) -> list[StatusEvent]:
    """The statuses in a frame of statuses.

    None for a large frame of data, or for text that is not understood.
    """
    is_long = len(data) > STATUS_FRAME_CHARACTERS
    if not mentions_status(data[:STATUS_HEAD_CHARACTERS] if is_long else data):
        return []
    router = FrameRouter(shard_count=1)
    router.add(data)
    return list(router.take().statuses)


def count_events(data: str | bytes) -> int:
    """The number of events that routing the frame would give; much cheaper for a small or unusual frame."""
    if len(data) <= MAX_FRAME_CHARACTERS and not mentions_status(data):
        with contextlib.suppress(*CONTENT_ERRORS):
            return len(_slices.decode(data))
    router = FrameRouter(shard_count=1)
    router.add(data)
    return sum(part.event_count for part in router.take().parts)


def _text_of(data: str | bytes) -> bytes:
    """The bytes for compiled code. A text that is too long gives no bytes, which do not count as plain.

    A lone surrogate becomes bytes that are not ASCII, so they do not count as plain either.
    """
    if len(data) > MAX_FRAME_CHARACTERS:
        return b""
    return data.encode(errors="surrogatepass") if isinstance(data, str) else data


def _why_not_routable(event: bytes) -> str:
    if not is_json(event):
        return _NOT_JSON
    try:
        event_type = event_code(event, TAG_FIELD)
    except msgspec.ValidationError:
        return "no_event_type"
    if event_type not in _KNOWN_TYPES:
        return "unknown_event_type"
    if event_type == STATUS:
        return "malformed_status"
    return _why_no_symbol(event, event_type)


def _why_no_symbol(event: bytes, event_type: str) -> str:
    """The reason: the event has no symbol, or an invalid one (`marketdata.events.SYMBOL_PATTERN`)."""
    try:
        _symbol_decoders[EventType(event_type)].decode(event)
    except CONTENT_ERRORS:
        return "no_symbol"
    return "invalid_symbol"
