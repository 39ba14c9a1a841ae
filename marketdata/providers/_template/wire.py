"""How the provider writes its events: JSON objects, whose field `kind` tells the type.

Field names are those of `marketdata.events`, where the platform has one; `name` gives the provider's. Declare
what is read and nothing else, with the types of `marketdata.events`, which bound every number.
"""

from typing import Final

import msgspec

from marketdata.events import EpochMs, Price, SequenceNumber, Shares, Symbol

TAG_FIELD: Final = "kind"


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field=TAG_FIELD, tag="trade"):
    """One trade. The provider has no fractions of shares, and numbers its trades over all symbols."""

    symbol: Symbol = msgspec.field(name="ticker")
    price: Price = msgspec.field(name="px")
    size: Shares = msgspec.field(name="qty")
    timestamp: EpochMs = msgspec.field(name="at")
    sequence_number: SequenceNumber = msgspec.field(name="seq")
    fractional_size: float | str | None = msgspec.field(name="exact", default=None)
    flags: tuple[int, ...] | None = msgspec.field(default=())
    id: msgspec.Raw = msgspec.field(default=msgspec.Raw())
