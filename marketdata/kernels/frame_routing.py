"""Frames to bodies: the events of JSON arrays sorted by type and symbol, their text untouched."""

import enum
import zlib
from typing import Final

import numba
import numpy as np

from marketdata.kernels.arrays import (
    BYTES,
    CODE_TABLE,
    INTEGER_TABLE,
    INTEGERS,
    TEXT,
    THREE_INTEGERS,
    Bytes,
    Codes,
    Integers,
    Text,
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
    after_string,
    after_value,
    packed,
)
from marketdata.kernels.symbols import after_symbol

LEAST_EVENT: Final = 16
"""In bytes: no event is shorter, with a type and a symbol of one character and keys as short as that."""

EVENT_COLUMNS: Final = 3
"""Of the array `events`, in which the kernel notes what it finds."""


class RouteColumn(enum.IntEnum):
    """The columns of `routes`, one line for each type of event.

    The name of the type and the key that its symbol has, both packed, and the number of its group of buckets.
    """

    TAG = 0
    SYMBOL_KEY = 1
    GROUP = 2


class Part(enum.IntEnum):
    """The columns of `parts`, one line for each bucket in use: how many events, and where their texts are."""

    BUCKET = 0
    EVENTS = 1
    START = 2
    END = 3


_TAG: Final = int(RouteColumn.TAG)
_SYMBOL_KEY: Final = int(RouteColumn.SYMBOL_KEY)
_GROUP: Final = int(RouteColumn.GROUP)
_BUCKET: Final = int(Part.BUCKET)
_EVENTS: Final = int(Part.EVENTS)
_PART_START: Final = int(Part.START)
_PART_END: Final = int(Part.END)

_EVENT_START: Final = 0
_EVENT_END: Final = 1
_EVENT_BUCKET: Final = 2

_BYTE: Final = np.uint64(0xFF)
_BYTE_BITS: Final = np.uint64(8)
_ALL_ONES: Final = np.uint64(0xFFFF_FFFF)
# CRC-32 begins and ends with an inversion, which is taken out here: one step of it for each value of a byte.
_CRC_STEPS: Final = np.array(
    [zlib.crc32(bytes([0xFF ^ byte])) ^ 0xFF00_0000 for byte in range(256)], dtype=np.uint64
)


@part
def _after_key(text: Text, at: int) -> tuple[np.uint64, int]:
    """A key, packed, and the place of its value; one that is too long to be packed counts as none."""
    start = at + 1
    at = after_string(text, at)
    if at == NOT_PLAIN:
        return NO_CODE, NOT_PLAIN
    key = packed(text, start, at - 1)
    at = after_space(text, at)
    if text[at] != COLON:
        return NO_CODE, NOT_PLAIN
    return key, after_space(text, at + 1)


@part
def _route_of(text: Text, start: int, end: int, routes: Codes) -> int:
    """The line of an event's type, whose name stands here with its quotes; else `NOT_PLAIN`."""
    if text[start] == QUOTE and end - start <= PACKED_BYTES + 2:  # a longer one would pass for an empty one
        tag = packed(text, start + 1, end - 1)
        for route in range(len(routes)):
            if routes[route, _TAG] == tag:
                return route
    return NOT_PLAIN


@part
def _shard_of(text: Text, start: int, end: int, shard_count: int) -> int:
    """CRC-32 of a symbol, modulo the count of shards."""
    crc = _ALL_ONES
    for place in range(start, end):
        crc = _CRC_STEPS[(crc ^ np.uint64(text[place])) & _BYTE] ^ (crc >> _BYTE_BITS)
    return int((crc ^ _ALL_ONES) % np.uint64(shard_count))


@part
def _read_event(
    text: Text,
    at: int,
    tag_key: np.uint64,
    routes: Codes,
    characters: Bytes,
    longest_symbol: int,
    shard_count: int,
) -> tuple[int, int]:
    """The place behind an event, and its bucket."""
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
            at = after_symbol(text, at, characters, longest_symbol)
        else:
            at = after_value(text, at)
        if at == NOT_PLAIN:
            return NOT_PLAIN, 0
        if route == NOT_PLAIN:
            if key != tag_key:
                return NOT_PLAIN, 0
            route = _route_of(text, start, at, routes)
            if route == NOT_PLAIN:
                return NOT_PLAIN, 0
            symbol_key = routes[route, _SYMBOL_KEY]
        elif key == symbol_key:
            if symbol_start:
                return NOT_PLAIN, 0
            symbol_start, symbol_end = start + 1, at - 1
        elif key == tag_key:
            return NOT_PLAIN, 0
        at = after_space(text, at)
        if text[at] == CLOSING_BRACE:
            break
        if text[at] != COMMA:
            return NOT_PLAIN, 0
        at = after_space(text, at + 1)
    if not symbol_start:
        return NOT_PLAIN, 0
    shard = _shard_of(text, symbol_start, symbol_end, shard_count)
    return at + 1, int(routes[route, _GROUP]) * shard_count + shard


@part
def _read_frame(
    text: Text,
    at: int,
    tag_key: np.uint64,
    routes: Codes,
    characters: Bytes,
    longest_symbol: int,
    shard_count: int,
    events: Integers,
    count: int,
) -> tuple[int, int]:
    """The place behind a frame, and the number of events with its own, which are written behind `count`."""
    at = after_space(text, at)
    if text[at] != OPENING_BRACKET:
        return NOT_PLAIN, count
    at = after_space(text, at + 1)
    while text[at] != CLOSING_BRACKET:
        if text[at] != OPENING_BRACE:
            return NOT_PLAIN, count
        start = at
        at, bucket = _read_event(text, at, tag_key, routes, characters, longest_symbol, shard_count)
        if at == NOT_PLAIN:
            return NOT_PLAIN, count
        events[count, _EVENT_START] = start
        events[count, _EVENT_END] = at
        events[count, _EVENT_BUCKET] = bucket
        count += 1
        at = after_space(text, at)
        if text[at] == COMMA:
            at = after_space(text, at + 1)
            if text[at] == CLOSING_BRACKET:
                return NOT_PLAIN, count
        elif text[at] != CLOSING_BRACKET:
            return NOT_PLAIN, count
    return after_space(text, at + 1), count


@part
def _gather(text: Text, events: Integers, count: int, result: Bytes, at: int, parts: Integers) -> int:
    """Copy the texts of each bucket's events one behind the other, from `at` on; the number of parts."""
    parts[:] = 0
    for event in range(count):
        bucket = events[event, _EVENT_BUCKET]
        parts[bucket, _EVENTS] += 1
        parts[bucket, _PART_END] += events[event, _EVENT_END] - events[event, _EVENT_START] + 1
    for bucket in range(len(parts)):
        size = parts[bucket, _PART_END]
        parts[bucket, _PART_START] = parts[bucket, _PART_END] = at
        at += size
    for event in range(count):
        bucket = events[event, _EVENT_BUCKET]
        at = parts[bucket, _PART_END]
        source = text[events[event, _EVENT_START] : events[event, _EVENT_END]]
        goal = result[at : at + len(source)]
        for place in range(len(source)):
            goal[place] = source[place]
        result[at + len(source)] = COMMA
        parts[bucket, _PART_END] = at + len(source) + 1
    part_count = 0
    for bucket in range(len(parts)):
        if parts[bucket, _EVENTS]:
            parts[part_count, _BUCKET] = bucket
            parts[part_count, _EVENTS] = parts[bucket, _EVENTS]
            parts[part_count, _PART_START] = parts[bucket, _PART_START]
            parts[part_count, _PART_END] = parts[bucket, _PART_END] - 1
            part_count += 1
    return part_count


@kernel(
    THREE_INTEGERS(
        TEXT, INTEGERS, numba.int64, numba.int64,
        numba.int64, CODE_TABLE, BYTES, numba.int64, numba.int64, INTEGER_TABLE, BYTES, INTEGER_TABLE,
    )
)  # fmt: skip
def route_frames(
    text: Text,
    lengths: Integers,
    frame: int,
    start: int,
    tag_key: int,
    routes: Codes,
    characters: Bytes,
    longest_symbol: int,
    shard_count: int,
    events: Integers,
    result: Bytes,
    parts: Integers,
) -> tuple[int, int, int]:
    """Sort the events of frames into buckets; stop before a frame that is not plain.

    A frame is a JSON array of events. It is plain if each of them is plain JSON, begins with a known type,
    under the packed `tag_key`, and has a symbol of up to `longest_symbol` `characters` (see `characters_of`).
    The bucket of an event is the group of its type * `shard_count` + the CRC-32 of its symbol modulo
    `shard_count`.

    `text`, a `bytes` object, holds all frames, so many bytes each as `lengths` says, with a zero byte behind
    each. Sorted are those from the number `frame` on, which begins at `start`. Given back are the number and
    the start of the frame that is not plain, or what they would be behind the last, and how many parts.

    A part is the texts of a bucket's events, in their order, with commas between them. `result`, which is as
    long as `text`, is written at most from `start` to the start that is given back. `parts` has a line for
    each bucket that there can be, `events` one for every `LEAST_EVENT` bytes of text; it is only noted in.
    """
    first = start
    count = 0
    while frame < len(lengths):
        end, count_with_frame = _read_frame(
            text,
            start,
            np.uint64(tag_key),
            routes,
            characters,
            longest_symbol,
            shard_count,
            events,
            count,
        )
        if end != start + lengths[frame]:
            break
        count = count_with_frame
        start = end + 1
        frame += 1
    return frame, start, _gather(text, events, count, result, first, parts)
