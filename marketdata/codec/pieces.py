"""The pieces of what should be a JSON array: its elements, or what can be saved of a broken one."""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.kernels.pieces import find_objects

CONTENT_ERRORS: Final = (ValueError, RecursionError)
"""What msgspec raises: its own errors and those of UTF-8 are ValueErrors; too deep a nesting is the other."""

_BETWEEN_OBJECTS: Final = re.compile(rb'\}([^{}"]*)\{')
_SIGNS: Final = b"[], \t\r\n"
_CONTROL_CHARACTER: Final = b"\1"  # no more JSON than a zero byte is


_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])
_json: Final = msgspec.json.Decoder(msgspec.Raw)


@functools.cache
def _header(tag_field: str) -> msgspec.json.Decoder[Any]:
    """Reads the code of an event, which its field `tag_field` holds."""
    code = ("code", str, msgspec.field(name=tag_field))
    return msgspec.json.Decoder(msgspec.defstruct("Header", [code], gc=False))


def pieces_of(text: bytes, tag_field: str) -> Sequence[bytes]:
    """The elements of an array. Of bytes that are not JSON: each object, and what stands around the objects.

    An object is an event if its field `tag_field` holds a code. There is always at least one piece, also of
    an empty text. What is broken costs its neighbours nothing as long as a closing and an opening brace stand
    between two objects.
    """
    try:
        return [bytes(raw) for raw in _elements.decode(text)]
    except CONTENT_ERRORS:
        return [piece for part in _parts(text) for piece in _saved(part, tag_field)] or [text]


def event_code(piece: bytes, tag_field: str) -> str:
    """The code of an event, whether the platform knows it or not.

    Raises:
        msgspec.ValidationError: JSON without such a code.
        ValueError, RecursionError: no JSON.
    """
    code: str = _header(tag_field).decode(piece).code
    return code


def is_json(piece: bytes) -> bool:
    """Whether it is, in UTF-8, whatever it holds. Nested deeper than can be followed counts as no."""
    try:
        piece.decode()
        _json.decode(piece)
    except CONTENT_ERRORS:
        return False
    return True


def _parts(text: bytes) -> Iterator[bytes]:
    """The outermost objects, and what stands around them."""
    places = np.empty((text.count(b"{"), 2), dtype=np.int64)
    count = find_objects(text.replace(b"\0", _CONTROL_CHARACTER) + b"\0", places)
    end = 0
    for start, behind in places[:count].tolist():
        yield from _around(text[end:start])
        yield text[start:behind]
        end = behind
    unended = text.find(b"{", end)
    if unended < 0:
        yield from _around(text[end:])
    else:
        yield from _around(text[end:unended])
        yield text[unended:].rstrip().removesuffix(b"]")


def _around(text: bytes) -> Iterator[bytes]:
    """What stands around objects, if it is more than the signs that belong there."""
    if stripped := text.strip(_SIGNS):
        yield stripped


def _saved(part: bytes, tag_field: str) -> Sequence[bytes]:
    """The part; cut between objects if it is not JSON, and these are events or whole by their braces.

    So it is when quotes are missing, and braces are taken for text. A list of objects within a broken event
    is not cut. The quotes in the rest of a string that is cut are escaped, so that rest is no event.
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
