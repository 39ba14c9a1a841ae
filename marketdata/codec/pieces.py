"""Divides a JSON array into its elements, also a broken array from which some elements can be saved."""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.kernels.pieces import find_objects

CONTENT_ERRORS: Final = (ValueError, RecursionError)
"""The errors of msgspec for bad content: ValueError for JSON and UTF-8, RecursionError for deep nesting."""

_BETWEEN_OBJECTS: Final = re.compile(rb'\}([^{}"]*)\{')
_SIGNS: Final = b"[], \t\r\n"
_CONTROL_CHARACTER: Final = b"\1"  # invalid in JSON, as a zero byte is


_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])
_json: Final = msgspec.json.Decoder(msgspec.Raw)


@functools.cache
def _header(tag_field: str) -> msgspec.json.Decoder[Any]:
    """Reads the code of an event, which its field `tag_field` holds."""
    code = ("code", str, msgspec.field(name=tag_field))
    return msgspec.json.Decoder(msgspec.defstruct("Header", [code], gc=False))


def pieces_of(text: bytes, tag_field: str) -> Sequence[bytes]:
    """The elements of an array. If the text is not JSON: each object, and the texts between the objects.

    An object is an event if its field `tag_field` holds a code. There is always at least one piece, also of
    an empty text. A broken object does not affect its neighbours, as long as a closing and an opening brace
    separate them.
    """
    try:
        return [bytes(raw) for raw in _elements.decode(text)]
    except CONTENT_ERRORS:
        return [piece for part in _parts(text) for piece in _saved(part, tag_field)] or [text]


def event_code(piece: bytes, tag_field: str) -> str:
    """The code of an event, known or unknown.

    Raises:
        msgspec.ValidationError: the piece is JSON without such a code.
        ValueError, RecursionError: the piece is not JSON.
    """
    code: str = _header(tag_field).decode(piece).code
    return code


def is_json(piece: bytes) -> bool:
    """Whether the piece is any valid JSON in UTF-8. JSON that is nested too deeply counts as invalid."""
    try:
        piece.decode()
        _json.decode(piece)
    except CONTENT_ERRORS:
        return False
    return True


def _parts(text: bytes) -> Iterator[bytes]:
    """The outermost objects, and the texts between them."""
    offsets = np.empty((text.count(b"{"), 2), dtype=np.int64)
    count = find_objects(text.replace(b"\0", _CONTROL_CHARACTER) + b"\0", offsets)
    end = 0
    for start, after in offsets[:count].tolist():
        yield from _around(text[end:start])
        yield text[start:after]
        end = after
    unended = text.find(b"{", end)
    if unended < 0:
        yield from _around(text[end:])
    else:
        yield from _around(text[end:unended])
        yield text[unended:].rstrip().removesuffix(b"]")


def _around(text: bytes) -> Iterator[bytes]:
    """A text between objects, unless it has only the signs of an array."""
    if stripped := text.strip(_SIGNS):
        yield stripped


def _saved(part: bytes, tag_field: str) -> Sequence[bytes]:
    """The part, undivided if it is JSON; else divided into objects that are events or have balanced braces.

    A missing quote has this effect: the braces after it count as text, so several objects seem to be one. A
    list of objects within a broken event is not divided. If a string is divided, the quotes in its rest are
    escaped, so the rest does not count as an event.
    """
    if is_json(part):
        return (part,)
    cuts = [between.span(1) for between in _BETWEEN_OBJECTS.finditer(part)]
    starts = (0, *(behind for _, behind in cuts))
    ends = (*(before for before, _ in cuts), len(part))
    objects = [part[start:end] for start, end in zip(starts, ends, strict=True)]
    are_events = [_is_event(piece, tag_field) for piece in objects]
    pieces: list[bytes] = []
    end = 0
    for first, last in _whole_by_braces(objects, are_events):
        pieces += (*_around(part[end : starts[first]]), part[starts[first] : ends[last]])
        end = ends[last]
    return pieces if any(are_events) or all(map(_is_balanced, pieces)) else (part,)


def _whole_by_braces(objects: Sequence[bytes], are_events: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """The first and the last of the neighbours that are one object by their braces, none of them an event."""
    closed_by = list(range(len(objects)))
    opened: list[tuple[int, int]] = []
    depth = 0
    for index, text in enumerate(objects):
        before, depth = depth, depth + text.count(b"{") - text.count(b"}")
        while opened and opened[-1][1] >= depth:
            first, outside = opened.pop()
            if outside == depth:
                closed_by[first] = index
        if depth > before:
            opened.append((index, before))
    events_before = (0, *itertools.accumulate(are_events))
    first = 0
    while first < len(objects):
        last = closed_by[first]
        if events_before[last + 1] > events_before[first]:
            last = first
        yield first, last
        first = last + 1


def _is_balanced(piece: bytes) -> bool:
    return piece.count(b"{") == piece.count(b"}")


def _is_event(piece: bytes, tag_field: str) -> bool:
    try:
        event_code(piece, tag_field)
    except CONTENT_ERRORS:
        return False
    return True
