"""Cursors: the place in a list at which the next page begins. Clients send them back unread."""

import base64
import binascii
import math
from typing import Final

import msgspec

from mdp_site.api.problems import Fault, Problem
from widgets.hub.day_lists import Key

LONGEST_CURSOR: Final = 200

_decoder: Final = msgspec.json.Decoder(tuple[str, list[float | int]])


def cursor_of(list_name: str, key: Key | None) -> str | None:
    """The cursor of the page that begins after a key; None if there is none."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode((list_name, key))).rstrip(b"=").decode()


def key_of(cursor: str | None, list_name: str, length: int) -> Key | None:
    """The key in a cursor of this list, which has `length` numbers.

    Raises:
        Problem: it is not a cursor that an answer of this list had.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, key = _decoder.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeError, binascii.Error, msgspec.MsgspecError):
        name, key = "", []
    if name != list_name or len(key) != length or not all(map(math.isfinite, key)):
        detail = "not a cursor of this list; accepted: `next_cursor` of an answer of this list"
        raise Problem("invalid_parameter", detail, faults=[Fault("#/query/cursor", detail)])
    return tuple(key)
