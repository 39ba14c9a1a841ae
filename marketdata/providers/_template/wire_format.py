"""The provider's format; see `marketdata.providers.wire_format`. It does no I/O and loads no SDK."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from marketdata.codec import (
    ColumnDecoder,
    ColumnSource,
    Digest,
    EventDecoder,
    Flags,
    Rejected,
    newest_unknown,
)
from marketdata.codec.pieces import is_json, pieces_of
from marketdata.events import TRADE_COLUMNS, TradeRule
from marketdata.providers._template.wire import TAG_FIELD, TemplateHeader, TemplateTrade
from marketdata.providers.base import EventRouter, RoutedEvents, Routing
from marketdata.providers.wire_format import BatchDecoder, WireFormat
from marketdata.recording.frames import FrameEvents
from marketdata.recording.json_frames import JsonHeaders
from marketdata.transport.queues import QueueName, shard_of

_CODES: Final = frozenset({"trade"})
_TRADES: Final[EventDecoder[TemplateTrade]] = EventDecoder(TemplateTrade, _CODES)
# The meaning of the provider's codes in the platform's terms: here 7 marks a trade that is reported late.
_RULES: Final = MappingProxyType({7: int(TradeRule.NOT_LAST)})
_SOURCES: Final[Mapping[QueueName, tuple[EventDecoder[Any], Mapping[str, ColumnSource]]]] = MappingProxyType(
    {
        QueueName.TRADES: (
            _TRADES,
            {name: name for name in TRADE_COLUMNS}
            | {"rules": Flags("flags", _RULES), "identity": Digest(("id",))},
        )
    }
)
_HEADERS: Final = JsonHeaders(TemplateHeader, TAG_FIELD)


class TemplateRouter:
    """Sorts the events of frames, JSON arrays; see `marketdata.providers.base.EventRouter`."""

    def __init__(self, shard_count: int) -> None:
        self._shard_count = shard_count
        self._frames: list[bytes] = []

    def add(self, data: str | bytes) -> None:
        """Keep one frame for the next `take`."""
        self._frames.append(data if isinstance(data, bytes) else data.encode(errors="surrogatepass"))

    def take(self) -> Routing:
        """The sorted events of all frames. Events that are not understood go to `unknown`, with a reason."""
        found: defaultdict[tuple[QueueName, int], list[bytes]] = defaultdict(list)
        set_aside: defaultdict[str, int] = defaultdict(int)
        for piece in (piece for frame in self._frames for piece in pieces_of(frame, TAG_FIELD)):
            event = _TRADES.decode_one(piece)
            if isinstance(event, Rejected):
                set_aside[event.reason.value] += 1
                text = piece if is_json(piece) else msgspec.json.encode(piece.decode(errors="replace"))
                found[QueueName.UNKNOWN, 0].append(text)
            else:
                found[QueueName.TRADES, shard_of(event.symbol, self._shard_count)].append(piece)
        self._frames.clear()
        parts = [
            RoutedEvents(queue, shard, len(pieces), b"[" + b",".join(pieces) + b"]")
            for (queue, shard), pieces in found.items()
        ]
        return Routing(parts, (), set_aside)


class TemplateFormat:
    """See `marketdata.providers.wire_format.WireFormat`."""

    name: Final = "template"

    def router(self, shard_count: int) -> EventRouter:
        """A router for frames."""
        return TemplateRouter(shard_count)

    def decoder(self, queue: QueueName, columns: Sequence[str]) -> BatchDecoder:
        """The decoder of a queue's batches into these columns."""
        decoder, sources = _SOURCES[queue]
        return ColumnDecoder(decoder, [sources[name] for name in columns])

    def newest_unknown(self, body: bytes, limit: int) -> tuple[int, Sequence[Rejected]]:
        """The number of pieces in a batch of the unknown queue, and the last `limit` with the reasons."""
        return newest_unknown(body, limit, tag_field=TAG_FIELD, known_codes=_CODES)

    def headers(self, data: str | bytes) -> Sequence[TemplateHeader] | None:
        """The headers of the events of a frame."""
        return _HEADERS.headers(data)

    def events(self, data: str | bytes) -> FrameEvents | None:
        """The events of an undamaged frame, with their texts."""
        return _HEADERS.events(data)

    def may_have_status(self, data: str | bytes) -> bool:
        """The provider sends no statuses."""
        del data
        return False

    def declared_ms(self, data: str | bytes) -> int | None:
        """The feed is live, and declares no time."""
        del data
        return None


FORMAT: Final[WireFormat] = TemplateFormat()
