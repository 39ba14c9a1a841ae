"""What a recording must know of the frames in it. Each format has a reader for that."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class EventHeader(Protocol):
    """What an event says of itself."""

    @property
    def kind(self) -> str:
        """Its type, in the provider's word; empty where it has none."""

    @property
    def symbol(self) -> str:
        """Its symbol; empty where it has none."""

    @property
    def time_ms(self) -> int:
        """Event time in epoch milliseconds, whatever it claims; 0 where it has none."""

    @property
    def is_status(self) -> bool:
        """Whether it is of the connection, and not of the market."""


class FrameEvents(msgspec.Struct, frozen=True, gc=False):
    """The events of a frame: each one's header and its original text, in the same order."""

    headers: Sequence[EventHeader]
    texts: Sequence[bytes | msgspec.Raw]


class FrameReader(Protocol):
    """Reads frames of one format. No method raises for content."""

    @property
    def name(self) -> str:
        """The name of the format."""

    def headers(self, data: str | bytes) -> Sequence[EventHeader] | None:
        """What the listener counts of a frame, event by event; an event without a type has an empty header.

        None is one thing that is no list of events, or a frame that is too long to be read.
        """

    def events(self, data: str | bytes) -> FrameEvents | None:
        """The events of a frame that is whole, or None. An event that is not understood has no type."""

    def may_have_status(self, data: str | bytes) -> bool:
        """Whether the frame may hold a status. False is certain, and cheap to find out."""

    def declared_ms(self, data: str | bytes) -> int | None:
        """The time that the feed declares in a frame (epoch milliseconds): see `marketdata.feed_clock`."""
