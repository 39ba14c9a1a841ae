"""The interface of a version of the protocol: it encodes emissions and answers.

The streams of the hub make emissions that do not depend on a version. A new version is one more subclass. The
costly steps are done once for each version that is in use, however many clients use it.
"""

import abc
from typing import ClassVar

import msgspec

from widgets.protocol.answers import Answer
from widgets.protocol.emissions import EmittedRows, FeedEmission
from widgets.wire import PreparedFrame


class ProtocolVersion(abc.ABC):
    """Encodes the messages to a client. One instance serves all connections: it has no state."""

    subprotocol: ClassVar[str]
    """The name that client and server agree on in the handshake."""

    @abc.abstractmethod
    def encode_answer(self, answer: Answer) -> str | bytes:
        """The payload of an answer or a status: a text, or bytes for a binary frame."""

    @abc.abstractmethod
    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str | bytes:
        """The payload of an emission that is sent now. Its rows come from `rows_text`."""

    @abc.abstractmethod
    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """The rows as a part of the payload. This is nearly all of the cost of a frame."""

    def rows_text(self, rows: EmittedRows) -> msgspec.Raw:
        """The encoded rows, made once for this version."""
        text = rows.texts.get(self.subprotocol)
        if text is None:
            text = rows.texts[self.subprotocol] = self.encode_rows(rows)
        return text


class EmissionFrames(dict[ProtocolVersion, PreparedFrame]):
    """The frame of one emission by version. Each version is encoded once, when it is first needed."""

    __slots__ = ("_now_ns", "emission")

    def __init__(self, emission: FeedEmission, now_ns: int) -> None:
        super().__init__()
        self.emission = emission
        self._now_ns = now_ns

    def __missing__(self, version: ProtocolVersion) -> PreparedFrame:
        """Encode the emission for a version."""
        frame = self[version] = PreparedFrame(version.encode_emission(self.emission, self._now_ns))
        return frame
