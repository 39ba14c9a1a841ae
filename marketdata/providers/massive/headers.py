"""The headers of the provider's events, for recordings."""

from typing import Final

import msgspec

from marketdata.providers.massive.wire import TAG_FIELD
from marketdata.recording.json_frames import JsonHeaders
from marketdata.units import NS_PER_MS

STATUS: Final = "status"
"""The type of a status, which is about the connection."""

_FIRST_NANOSECOND_TIME: Final = 10**15  # the feed counts in milliseconds, price bands in nanoseconds


class MassiveHeader(msgspec.Struct, gc=False):
    """The type, symbol and time of an event; missing fields are empty.

    `T` is the symbol of price bands, which have no `sym`; `e` is the end of an aggregate, `t` the time of all
    other events. Implements `marketdata.recording.frames.EventHeader`.
    """

    ev: str = ""
    sym: str = ""
    T: str = ""
    t: int = 0
    e: int = 0

    @property
    def kind(self) -> str:
        """The provider's code for its type."""
        return self.ev

    @property
    def symbol(self) -> str:
        """The ticker, from the field `sym` or `T`."""
        return self.sym or self.T

    @property
    def time_ms(self) -> int:
        """Event time in epoch milliseconds; 0 when the event has none."""
        time = 0 if self.is_status else self.e or self.t
        return time // NS_PER_MS if time >= _FIRST_NANOSECOND_TIME else time

    @property
    def is_status(self) -> bool:
        """Whether it is about the connection, not about the market."""
        return self.ev == STATUS


HEADERS: Final = JsonHeaders(MassiveHeader, TAG_FIELD)
