"""What the provider's events say of themselves, as far as a recording must know it."""

from typing import Final

import msgspec

from marketdata.providers.massive.wire import TAG_FIELD
from marketdata.recording.json_frames import JsonHeaders
from marketdata.units import NS_PER_MS

STATUS: Final = "status"
"""The type of what is said of the connection."""

_FIRST_NANOSECOND_TIME: Final = 10**15  # the feed counts in milliseconds, price bands in nanoseconds


class MassiveHeader(msgspec.Struct, gc=False):
    """The fields of an event that say what it is; those that it lacks are empty.

    `T` is the symbol of price bands, whose wire has no `sym`; `e` is the end of an aggregate, `t` the time of
    everything else. Implements `marketdata.recording.frames.EventHeader`.
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
        """The ticker, whichever field names it."""
        return self.sym or self.T

    @property
    def time_ms(self) -> int:
        """Event time in epoch milliseconds; 0 when the event has none."""
        time = 0 if self.is_status else self.e or self.t
        return time // NS_PER_MS if time >= _FIRST_NANOSECOND_TIME else time

    @property
    def is_status(self) -> bool:
        """Whether it is of the connection, and not of the market."""
        return self.ev == STATUS


HEADERS: Final = JsonHeaders(MassiveHeader, TAG_FIELD)
