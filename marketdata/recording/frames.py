"""The interface by which recordings read frames. Each format implements it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class EventHeader(Protocol):
    """The fields of an event that recordings need."""

    @property
    def kind(self) -> str:
        """Its type, as the provider names it; empty if it has none."""

    @property
    def symbol(self) -> str:
        """Its symbol; empty if it has none."""

    @property
    def time_ms(self) -> int:
        """Event time in epoch milliseconds, unchecked; 0 if it has none."""

    @property
    def is_status(self) -> bool:
        """Whether it is about the connection, not about the market."""


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
        """The header of each event that the listener counts; an event without a type has an empty header.

        None if the frame is not a list of events, or is too long to be read.
        """

    def events(self, data: str | bytes) -> FrameEvents | None:
        """The events of an undamaged frame, else None. An event that is not understood has no type."""

    def may_have_status(self, data: str | bytes) -> bool:
        """Whether the frame may hold a status. A cheap check: True may be wrong, False is certain."""

    def declared_ms(self, data: str | bytes) -> int | None:
        """The time that the feed declares in a frame (epoch milliseconds): see `marketdata.feeds`."""
