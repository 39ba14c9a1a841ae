"""Divides a JSON array into its elements, also a broken array from which some elements can be saved."""

import functools
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
    pieces: list[bytes] = []
    start = 0
    for between in _BETWEEN_OBJECTS.finditer(part):
        pieces += (part[start : between.start() + 1], *_around(between[1]))
        start = between.end() - 1
    pieces.append(part[start:])
    is_cut = all(map(_is_balanced, pieces)) or any(_is_event(piece, tag_field) for piece in pieces)
    return pieces if is_cut else (part,)


def _is_balanced(piece: bytes) -> bool:
    return piece.count(b"{") == piece.count(b"}")


def _is_event(piece: bytes, tag_field: str) -> bool:
    try:
        event_code(piece, tag_field)
    except CONTENT_ERRORS:
        return False
    return True
