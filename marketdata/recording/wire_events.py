"""What a frame of the provider's feed holds, as far as a recording needs to know it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from marketdata.codec.pieces import CONTENT_ERRORS, event_code, is_json, pieces_of
from marketdata.feeds import MAX_FRAME_CHARACTERS

STATUS: Final = "status"
_TAG_FIELD: Final = "ev"
_FIRST_NANOSECOND_TIME: Final = 10**15  # the feed counts in milliseconds, price bands in nanoseconds
_NANOSECONDS_PER_MS: Final = 1_000_000


class EventHeader(msgspec.Struct, gc=False):
    """The fields of an event that say what it is; those that it lacks are empty.

    `T` is the symbol of price bands, whose wire has no `sym`; `e` is the end of an aggregate, `t` the time of
    everything else.
    """

    ev: str = ""
    sym: str = ""
    T: str = ""
    t: int = 0
    e: int = 0

    @property
    def symbol(self) -> str:
        """The ticker, whichever field names it."""
        return self.sym or self.T

    @property
    def event_time_ms(self) -> int:
        """Event time in epoch milliseconds, 0 when the event has none."""
        time = self.e or self.t
        return time // _NANOSECONDS_PER_MS if time >= _FIRST_NANOSECOND_TIME else time


class _Names(msgspec.Struct, gc=False):
    ev: str
    sym: str = ""
    T: str = ""


class FrameEvents(msgspec.Struct, frozen=True, gc=False):
    """The events of a frame: each one's header and its original text, in the same order."""

    headers: Sequence[EventHeader]
    texts: Sequence[msgspec.Raw]


_headers: Final = msgspec.json.Decoder(list[EventHeader])
_header: Final = msgspec.json.Decoder(EventHeader)
_names: Final = msgspec.json.Decoder(_Names)
_texts: Final = msgspec.json.Decoder(list[msgspec.Raw])


def events_of(data: str | bytes) -> FrameEvents | None:
    """The events of a frame, or None when it is no JSON array. An event not understood has no type."""
    try:
        texts = _texts.decode(data)
    except CONTENT_ERRORS:
        return None
    try:
        return FrameEvents(_headers.decode(data), texts)
    except CONTENT_ERRORS:
        return FrameEvents([_header_of(text) for text in texts], texts)


def headers_of(data: str | bytes) -> Sequence[EventHeader] | None:
    """What the listener books of a frame, event by event; a piece without a type has an empty header.

    A broken frame is cut into the same pieces as there. None is one thing that is no array of events:
    JSON of another kind, or a frame that is too long to be looked at.
    """
    if len(data) > MAX_FRAME_CHARACTERS:
        return None
    try:
        return _headers.decode(data)
    except CONTENT_ERRORS:
        pass
    text = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    pieces = pieces_of(text, _TAG_FIELD)
    if pieces == [text] and is_json(text):
        return None
    return [_saved_header(piece) for piece in pieces]


def mentions_status(data: bytes) -> bool:
    """Whether the frame may hold a status. False is certain, and cheap to find out."""
    return b'"status"' in data


def event_times_ms(data: str | bytes) -> Sequence[int]:
    """The event times in a frame (epoch milliseconds), whatever they claim; without those that have none."""
    headers = headers_of(data) or ()
    return [time for header in headers if header.ev != STATUS and (time := header.event_time_ms)]


def _header_of(text: msgspec.Raw) -> EventHeader:
    try:
        return _header.decode(text)
    except CONTENT_ERRORS:
        return EventHeader()


def _saved_header(piece: bytes) -> EventHeader:
    """As much as can be read: a time of the wrong type costs an event neither its type nor its symbol."""
    if not is_json(piece):
        return EventHeader()
    try:
        return _header.decode(piece)
    except CONTENT_ERRORS:
        pass
    try:
        names = _names.decode(piece)
        return EventHeader(names.ev, names.sym, names.T)
    except CONTENT_ERRORS:
        pass
    try:
        return EventHeader(event_code(piece, _TAG_FIELD))
    except CONTENT_ERRORS:
        return EventHeader()
