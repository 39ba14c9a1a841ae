"""Frames to bodies: sorts the events of JSON arrays by type and symbol, without a change of their text."""

import zlib
from typing import Final, NamedTuple

import numba
import numpy as np

from marketdata.kernels.arrays import (
    BYTE_ARRAY,
    INTEGERS,
    TEXT_BYTES,
    THREE_INTEGERS,
    ByteArray,
    Integers,
    Records,
    TextBytes,
    named_tuple,
    records_of,
)
from marketdata.kernels.compilation import kernel, part
from marketdata.kernels.json_text import (
    CLOSING_BRACE,
    CLOSING_BRACKET,
    COLON,
    COMMA,
    NO_CODE,
    NOT_PLAIN,
    OPENING_BRACE,
    OPENING_BRACKET,
    PACKED_BYTES,
    QUOTE,
    after_space,
    after_value,
    byte_at,
    packed,
    word,
)
from marketdata.kernels.symbols import after_symbol

LEAST_EVENT: Final = 16
"""The shortest possible event, in bytes: type, symbol and keys have one character each."""

TYPE_ROUTE: Final = np.dtype([("tag", np.uint64), ("symbol_key", np.uint64), ("group", np.int64)])
"""A type of event: its name and the key of its symbol, both packed, and its group of buckets."""

ROUTED_EVENT: Final = np.dtype([("start", np.int64), ("end", np.int64), ("bucket", np.int64)])
"""The start and end offsets of an event's text, and its bucket."""

ROUTED_PART: Final = np.dtype(
    [("bucket", np.int64), ("event_count", np.int64), ("start", np.int64), ("end", np.int64)]
)
"""A bucket with events: their number, and the start and end offsets of their texts."""


class FrameLayout(NamedTuple):
    """The structure of frames, and the buckets of their events.

    `tag_key` is the packed key of an event's type. `routes` has a `TYPE_ROUTE` for each type. `characters`
    are those of symbols (see `characters_of`). A symbol has at most `longest_symbol` of them.
    The bucket of an event is the group of its type * `shard_count` + the CRC-32 of its symbol modulo
    `shard_count`.
    """

    tag_key: np.uint64
    routes: Records
    characters: ByteArray
    longest_symbol: int
    shard_count: int


class RoutingArrays(NamedTuple):
    """The arrays that the kernel writes.

    `events` has a `ROUTED_EVENT` for every `LEAST_EVENT` bytes of text, and is scratch space. `result` is as
    long as the text. `parts` has a `ROUTED_PART` for each possible bucket.
    """

    events: Records
    result: ByteArray
    parts: Records


_LAYOUT: Final = named_tuple(
    FrameLayout, numba.uint64, records_of(TYPE_ROUTE), BYTE_ARRAY, numba.int64, numba.int64
)
_ARRAYS: Final = named_tuple(RoutingArrays, records_of(ROUTED_EVENT), BYTE_ARRAY, records_of(ROUTED_PART))

_BYTE: Final = np.uint64(0xFF)
_BYTE_BITS: Final = np.uint64(8)
_ALL_ONES: Final = np.uint64(0xFFFF_FFFF)
# One step of CRC-32 for each value of a byte, without the inversions at the beginning and the end of CRC-32.
_CRC_STEPS: Final = np.array(
    [zlib.crc32(bytes([0xFF ^ byte])) ^ 0xFF00_0000 for byte in range(256)], dtype=np.uint64
)


@part
def _after_key(text: TextBytes, at: int) -> tuple[np.uint64, int]:
    """A packed key, and the offset of its value. A key that is too long to be packed gives `NO_CODE`."""
    key, at = word(text, at)
    if at == NOT_PLAIN:
        return NO_CODE, NOT_PLAIN
    at = after_space(text, at)
    if byte_at(text, at) != COLON:
        return NO_CODE, NOT_PLAIN
    return key, after_space(text, at + 1)


@part
def _route_of(text: TextBytes, start: int, end: int, routes: Records) -> int:
    """The route of an event type, given the offsets of its quoted name; `NOT_PLAIN` if it is unknown."""
    is_packed = end - start <= PACKED_BYTES + 2  # a longer name would count as an empty one
    if is_packed and byte_at(text, start) == QUOTE:
        tag = packed(text, start + 1, end - 1)
        for route in range(len(routes)):
            if routes[route]["tag"] == tag:
                return route
    return NOT_PLAIN


@part
def _shard_of(text: TextBytes, start: int, end: int, shard_count: int) -> int:
    """CRC-32 of a symbol, modulo the count of shards."""
    crc = _ALL_ONES
    for offset in range(start, end):
        crc = _CRC_STEPS[(crc ^ np.uint64(byte_at(text, offset))) & _BYTE] ^ (crc >> _BYTE_BITS)
    return int((crc ^ _ALL_ONES) % np.uint64(shard_count))


@part
def _read_event(text: TextBytes, at: int, layout: FrameLayout) -> tuple[int, int]:
    """The offset after an event, and its bucket."""
    route = NOT_PLAIN
    symbol_key = NO_CODE
    symbol_start, symbol_end = 0, 0
    at = after_space(text, at + 1)
    while True:
        key, at = _after_key(text, at)
        if at == NOT_PLAIN:
            return NOT_PLAIN, 0
        start = at
        if key == symbol_key:
            at = after_symbol(text, at, layout.characters, layout.longest_symbol)
        else:
            at = after_value(text, at)
        if at == NOT_PLAIN:
            return NOT_PLAIN, 0
        if route == NOT_PLAIN:
            if key != layout.tag_key:
                return NOT_PLAIN, 0
            route = _route_of(text, start, at, layout.routes)
            if route == NOT_PLAIN:
                return NOT_PLAIN, 0
            symbol_key = layout.routes[route]["symbol_key"]
        elif key == symbol_key:
            if symbol_start:
                return NOT_PLAIN, 0
            symbol_start, symbol_end = start + 1, at - 1
        elif key == layout.tag_key:
            return NOT_PLAIN, 0
        at = after_space(text, at)
        if byte_at(text, at) == CLOSING_BRACE:
            break
        if byte_at(text, at) != COMMA:
            return NOT_PLAIN, 0
        at = after_space(text, at + 1)
    if not symbol_start:
        return NOT_PLAIN, 0
    shard = _shard_of(text, symbol_start, symbol_end, layout.shard_count)
    return at + 1, layout.routes[route]["group"] * layout.shard_count + shard


@part
def _read_frame(
    text: TextBytes, at: int, layout: FrameLayout, events: Records, count: int
) -> tuple[int, int]:
    """The offset after a frame, and the new number of events. Its events are written from `count` on."""
    at = after_space(text, at)
    if byte_at(text, at) != OPENING_BRACKET:
        return NOT_PLAIN, count
    at = after_space(text, at + 1)
    while byte_at(text, at) != CLOSING_BRACKET:
        if byte_at(text, at) != OPENING_BRACE:
            return NOT_PLAIN, count
        start = at
        at, bucket = _read_event(text, at, layout)
        if at == NOT_PLAIN:
            return NOT_PLAIN, count
        event = events[count]
        event["start"], event["end"], event["bucket"] = start, at, bucket
        count += 1
        at = after_space(text, at)
        if byte_at(text, at) == COMMA:
            at = after_space(text, at + 1)
            if byte_at(text, at) == CLOSING_BRACKET:
                return NOT_PLAIN, count
        elif byte_at(text, at) != CLOSING_BRACKET:
            return NOT_PLAIN, count
    return after_space(text, at + 1), count


@part
def _gather(text: TextBytes, count: int, at: int, arrays: RoutingArrays) -> int:
    """Copy the events' texts bucket by bucket to the result, from `at` on; returns the number of parts."""
    events, result, parts = arrays.events, arrays.result, arrays.parts
    for bucket in range(len(parts)):
        parts[bucket]["event_count"] = parts[bucket]["end"] = 0
    for number in range(count):
        event = events[number]
        part_of_event = parts[event["bucket"]]
        part_of_event["event_count"] += 1
        part_of_event["end"] += event["end"] - event["start"] + 1
    for bucket in range(len(parts)):
        size = parts[bucket]["end"]
        parts[bucket]["start"] = parts[bucket]["end"] = at
        at += size
    for number in range(count):
        event = events[number]
        part_of_event = parts[event["bucket"]]
        at = part_of_event["end"]
        source = text[event["start"] : event["end"]]
        goal = result[at : at + len(source)]
        for offset in range(len(source)):
            goal[offset] = source[offset]
        result[at + len(source)] = COMMA
        part_of_event["end"] = at + len(source) + 1
    part_count = 0
    for bucket in range(len(parts)):
        if parts[bucket]["event_count"]:
            parts[part_count]["bucket"] = bucket
            parts[part_count]["event_count"] = parts[bucket]["event_count"]
            parts[part_count]["start"] = parts[bucket]["start"]
            parts[part_count]["end"] = parts[bucket]["end"] - 1
            part_count += 1
    return part_count


@kernel(THREE_INTEGERS(TEXT_BYTES, INTEGERS, numba.int64, numba.int64, _LAYOUT, _ARRAYS))
def route_frames(
    text: TextBytes, lengths: Integers, frame: int, start: int, layout: FrameLayout, arrays: RoutingArrays
) -> tuple[int, int, int]:
    """Sort the events of frames into buckets; stop before a frame that is not plain.

    A frame is a JSON array of events. It is plain if each of them is plain JSON, begins with a known type,
    and has a valid symbol.

    `text`, a `bytes` object, holds all frames, each followed by a zero byte; `lengths` gives their bytes. The
    frames from number `frame` on are sorted; that frame begins at `start`. Returns the number and the start
    of the frame that is not plain (after the last frame, those of the next one), and the number of parts.

    A part is the texts of a bucket's events, in their order, with commas between them. The result is written
    between `start` and the returned start.
    """
    first = start
    count = 0
    while frame < len(lengths):
        end, count_with_frame = _read_frame(text, start, layout, arrays.events, count)
        if end != start + lengths[frame]:
            break
        count = count_with_frame
        start = end + 1
        frame += 1
    return frame, start, _gather(text, count, first, arrays)
