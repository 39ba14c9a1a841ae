"""Reads the headers of events in frames that are JSON arrays of objects. Each format declares its header."""

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from marketdata.codec.pieces import CONTENT_ERRORS, event_code, is_json, pieces_of
from marketdata.feeds import MAX_FRAME_CHARACTERS
from marketdata.recording.frames import FrameEvents

H = TypeVar("H", bound=msgspec.Struct)

_texts: Final = msgspec.json.Decoder(list[msgspec.Raw])


class JsonHeaders(Generic[H]):
    """Reads headers of the type `header`, a struct whose fields all have defaults.

    Its field for the wire's `tag_field` holds the type of the event. The header must implement
    `marketdata.recording.frames.EventHeader`.
    """

    def __init__(self, header: type[H], tag_field: str) -> None:
        self._header = header
        self._tag_field = tag_field
        fields = msgspec.structs.fields(header)
        (self._tag_name,) = (field.name for field in fields if field.encode_name == tag_field)
        self._frame_decoder = msgspec.json.Decoder(list[header])  # type: ignore[valid-type]
        self._event_decoder = msgspec.json.Decoder(header)
        self._texts_decoder = msgspec.json.Decoder(_only_texts(header, self._tag_name))

    def headers(self, data: str | bytes) -> Sequence[H] | None:
        """The header of each event: see `marketdata.recording.frames.FrameReader.headers`.

        A broken frame is divided into the same pieces as a router divides it.
        """
        if len(data) > MAX_FRAME_CHARACTERS:
            return None
        try:
            return self._frame_decoder.decode(data)
        except CONTENT_ERRORS:
            pass
        text = data.encode(errors="surrogatepass") if isinstance(data, str) else data
        pieces = pieces_of(text, self._tag_field)
        if pieces == [text] and is_json(text):
            return None
        return [self._saved(piece) for piece in pieces]

    def events(self, data: str | bytes) -> FrameEvents | None:
        """Headers and texts: see `marketdata.recording.frames.FrameReader.events`."""
        try:
            texts = _texts.decode(data)
        except CONTENT_ERRORS:
            return None
        try:
            headers: Any = self._frame_decoder.decode(data)
        except CONTENT_ERRORS:
            headers = [self._understood(text) for text in texts]
        return FrameEvents(headers, texts)

    def _understood(self, text: msgspec.Raw) -> H:
        try:
            return self._event_decoder.decode(text)
        except CONTENT_ERRORS:
            return self._header()

    def _saved(self, piece: bytes) -> H:
        """The readable fields: an event whose time has a wrong type keeps its type and its symbol."""
        if not is_json(piece):
            return self._header()
        try:
            return self._event_decoder.decode(piece)
        except CONTENT_ERRORS:
            pass
        try:
            return self._header(**msgspec.structs.asdict(self._texts_decoder.decode(piece)))
        except CONTENT_ERRORS:
            pass
        try:
            return self._header(**{self._tag_name: event_code(piece, self._tag_field)})
        except CONTENT_ERRORS:
            return self._header()


def _only_texts(header: type[msgspec.Struct], tag_name: str) -> type[msgspec.Struct]:
    """The same header without its numbers. The type of the event is required."""
    fields: list[tuple[str, type, Any]] = []
    for field in msgspec.structs.fields(header):
        if field.type is str:
            default = msgspec.NODEFAULT if field.name == tag_name else field.default
            fields.append((field.name, str, msgspec.field(default=default, name=field.encode_name)))
    return msgspec.defstruct(f"{header.__name__}Texts", fields, gc=False, kw_only=True)
