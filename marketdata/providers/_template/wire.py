"""The provider's events: JSON objects, whose field `kind` names the type.

Use the field names of `marketdata.events`, if it has the field; `name` gives the provider's name. Declare
only the fields that are read, with the types of `marketdata.events`, which bound every number.
"""

from typing import Final

import msgspec

from marketdata.events import EpochMs, Price, SequenceNumber, Shares, Symbol

TAG_FIELD: Final = "kind"


class TemplateTrade(msgspec.Struct, frozen=True, gc=False, tag_field=TAG_FIELD, tag="trade"):
    """One trade. The provider has no fractions of shares, and numbers its trades over all symbols."""

    symbol: Symbol = msgspec.field(name="ticker")
    price: Price = msgspec.field(name="px")
    size: Shares = msgspec.field(name="qty")
    timestamp: EpochMs = msgspec.field(name="at")
    sequence_number: SequenceNumber = msgspec.field(name="seq")
    fractional_size: float | str | None = msgspec.field(name="exact", default=None)
    flags: tuple[int, ...] | None = msgspec.field(default=())
    id: msgspec.Raw = msgspec.field(default=msgspec.Raw())


class TemplateHeader(msgspec.Struct, gc=False):
    """The header of an event, for recordings: see `marketdata.recording.frames.EventHeader`.

    Every field has a default, since recordings also have invalid events.
    """

    kind: str = ""
    symbol: str = msgspec.field(name="ticker", default="")
    time_ms: int = msgspec.field(name="at", default=0)

    @property
    def is_status(self) -> bool:
        """The provider sends no statuses."""
        return False
