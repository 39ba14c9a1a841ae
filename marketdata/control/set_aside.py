"""The newest pieces that processors set aside, as people can read them: byte for byte, escaped. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from marketdata.payloads import UnknownPiece, decode_unknown
from marketdata.units import NS_PER_MS

MOST_SHOWN: Final = 20
MOST_BYTES: Final = 300
"""So many bytes of a piece are shown: enough to see what it is."""


class SetAsideView(msgspec.Struct, frozen=True, kw_only=True):
    """A piece that was not understood.

    `text` has its first bytes, escaped as in a Python literal: it is ASCII, and holds no control character.
    `byte_count` is its complete length.
    """

    shard: int
    reason: str
    received_ms: int
    byte_count: int
    text: str


def set_aside_views(stored: Mapping[int, Sequence[bytes]]) -> Sequence[SetAsideView]:
    """The pieces of all shards, the newest first.

    Raises:
        ContentError: a stored value is not a piece.
    """
    views = [_view(shard, decode_unknown(value)) for shard, values in stored.items() for value in values]
    return sorted(views, key=lambda view: -view.received_ms)[:MOST_SHOWN]


def _view(shard: int, piece: UnknownPiece) -> SetAsideView:
    return SetAsideView(
        shard=shard,
        reason=piece.reason,
        received_ms=piece.received_ns // NS_PER_MS,
        byte_count=piece.byte_count,
        text=str(piece.raw[:MOST_BYTES])[2:-1],
    )
