"""Decodes the bodies of batches to events and to columns. Bad content never raises an error."""

from marketdata.codec.columns import ColumnDecoder, EventColumns, SymbolColumn
from marketdata.codec.events import (
    DecodedBatch,
    EventDecoder,
    Rejected,
    RejectReason,
    newest_unknown,
)
from marketdata.codec.layout import Digest, Flags, Lines, LineSource, Quotient, Remainder

__all__ = [
    "ColumnDecoder",
    "DecodedBatch",
    "Digest",
    "EventColumns",
    "EventDecoder",
    "Flags",
    "LineSource",
    "Lines",
    "Quotient",
    "RejectReason",
    "Rejected",
    "Remainder",
    "SymbolColumn",
    "newest_unknown",
]
