"""Decodes the bodies of batches to events and to columns. Bad content never raises an error."""

from marketdata.codec.columns import ColumnDecoder, EventColumns, SymbolColumn
from marketdata.codec.events import (
    DecodedBatch,
    EventDecoder,
    Rejected,
    RejectReason,
    newest_unknown,
)
from marketdata.codec.layout import ColumnSource, Digest, EventMatrix, Flags, Quotient, Remainder

__all__ = [
    "ColumnDecoder",
    "ColumnSource",
    "DecodedBatch",
    "Digest",
    "EventColumns",
    "EventDecoder",
    "EventMatrix",
    "Flags",
    "Quotient",
    "RejectReason",
    "Rejected",
    "Remainder",
    "SymbolColumn",
    "newest_unknown",
]
