"""Bytes to typed events: decodes the body of a batch, and sets invalid events aside with a reason.

This is the complete decoder: it reads all valid JSON, and finds the reason why a piece is invalid.
`marketdata.codec.columns` uses it for events that are not plain. A body is decoded at once. If that fails,
its events are decoded one by one, so that only the bad event is lost.
"""

import enum
from collections.abc import Iterable, Sequence, Set
from typing import Any, Final, Generic, TypeVar, get_args

import msgspec

from marketdata.codec.pieces import CONTENT_ERRORS, event_code, pieces_of

EventT = TypeVar("EventT", bound=msgspec.Struct)


class RejectReason(enum.StrEnum):
    """Why an event was set aside; the values are metric labels.

    In order: not JSON; JSON without an event code; an unknown code; a code that does not belong to the queue
    of the batch; a field that is missing, of the wrong type, out of its bounds (a price) or in contradiction
    to another field (the end of an aggregate); a batch in a format that no provider here reads.
    """

    MALFORMED = "malformed"
    NOT_AN_EVENT = "not_an_event"
    UNKNOWN_TYPE = "unknown_type"
    UNEXPECTED_TYPE = "unexpected_type"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_FORMAT = "unknown_format"


class Rejected(msgspec.Struct, frozen=True):
    """One event that was set aside, with its original bytes."""

    reason: RejectReason
    raw: bytes


class DecodedBatch(msgspec.Struct, Generic[EventT], frozen=True):
    """The events of a batch in their order, and the pieces that were set aside."""

    events: list[EventT]
    rejected: tuple[Rejected, ...] = ()


class EventDecoder(Generic[EventT]):
    """Decodes bodies with events of the given types (one tagged struct, or a union of tagged structs).

    `known_codes` are the tags of all events of the provider, also of those in other queues.
    """

    def __init__(self, event_types: Any, known_codes: Set[str]) -> None:
        self._batch: msgspec.json.Decoder[list[EventT]] = msgspec.json.Decoder(list[event_types])
        self._event: msgspec.json.Decoder[EventT] = msgspec.json.Decoder(event_types)
        self.structs: Final = tuple(get_args(event_types) or (event_types,))
        self._accepted = frozenset(struct.__struct_config__.tag for struct in self.structs)
        self._known_codes = known_codes
        self._tag_field = str(self.structs[0].__struct_config__.tag_field)

    def decode(self, body: bytes) -> DecodedBatch[EventT]:
        """All good events of a body, a JSON array of objects, and every other piece of it with a reason."""
        try:
            return DecodedBatch(self._batch.decode(body))
        except CONTENT_ERRORS:
            return self._decode_one_by_one(pieces_of(body, self._tag_field))

    def decode_one(self, piece: bytes) -> EventT | Rejected:
        """One event, a JSON object; or the reason why it is set aside."""
        try:
            return self._event.decode(piece)
        except CONTENT_ERRORS:
            return Rejected(
                _reason(piece, self._tag_field, known_codes=self._known_codes, accepted=self._accepted), piece
            )

    def _decode_one_by_one(self, pieces: Iterable[bytes]) -> DecodedBatch[EventT]:
        events: list[EventT] = []
        rejected: list[Rejected] = []
        for piece in pieces:
            match self.decode_one(piece):
                case Rejected() as refusal:
                    rejected.append(refusal)
                case event:
                    events.append(event)
        return DecodedBatch(events, tuple(rejected))


def newest_unknown(
    body: bytes, limit: int, *, tag_field: str, known_codes: Set[str]
) -> tuple[int, Sequence[Rejected]]:
    """The number of pieces in a body of the unknown queue, and the last `limit` of them with reasons.

    The queue does not keep the router's reasons, so they are found again, and only for these pieces.
    """
    pieces = pieces_of(body, tag_field)
    return len(pieces), [
        Rejected(_reason(piece, tag_field, known_codes=known_codes, accepted=known_codes), piece)
        for piece in pieces[-limit:]
    ]


def _reason(piece: bytes, tag_field: str, *, known_codes: Set[str], accepted: Set[str]) -> RejectReason:
    try:
        code = event_code(piece, tag_field)
    except msgspec.ValidationError:
        return RejectReason.NOT_AN_EVENT
    except CONTENT_ERRORS:
        return RejectReason.MALFORMED
    if code not in known_codes:
        return RejectReason.UNKNOWN_TYPE
    return RejectReason.INVALID_FIELD if code in accepted else RejectReason.UNEXPECTED_TYPE
