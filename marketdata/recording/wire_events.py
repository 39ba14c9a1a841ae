"""What a frame of the provider's feed holds, as far as a recording needs to know it."""

from collections.abc import Sequence
from typing import Final

import msgspec

STATUS: Final = "status"
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


class FrameEvents(msgspec.Struct, frozen=True, gc=False):
    """The events of a frame: each one's header and its original text, in the same order."""

    headers: Sequence[EventHeader]
    texts: Sequence[msgspec.Raw]


_headers: Final = msgspec.json.Decoder(list[EventHeader])
_header: Final = msgspec.json.Decoder(EventHeader)
_texts: Final = msgspec.json.Decoder(list[msgspec.Raw])
# RecursionError: nested deeper than the decoder follows. UnicodeError: text that has no UTF-8 form.
_NOT_DECODABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeError)


def events_of(data: str | bytes) -> FrameEvents | None:
    """The events of a frame, or None when it is no JSON array. An event not understood has no type."""
    try:
        texts = _texts.decode(data)
    except _NOT_DECODABLE:
        return None
    try:
        return FrameEvents(_headers.decode(data), texts)
    except _NOT_DECODABLE:
        return FrameEvents([_header_of(text) for text in texts], texts)


def mentions_status(data: bytes) -> bool:
    """Whether the frame may hold a status. False is certain, and cheap to find out."""
    return b'"status"' in data


def event_times_ms(data: str | bytes) -> Sequence[int]:
    """The event times in a frame (epoch milliseconds), whatever they claim; without those that have none."""
    events = events_of(data)
    if events is None:
        return ()
    return [time for header in events.headers if header.ev != STATUS and (time := header.event_time_ms)]


def _header_of(text: msgspec.Raw) -> EventHeader:
    try:
        return _header.decode(text)
    except _NOT_DECODABLE:
        return EventHeader()
