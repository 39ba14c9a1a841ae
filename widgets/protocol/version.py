"""The interface of a version of the protocol: it encodes emissions and answers.

The streams of the hub make emissions that do not depend on a version. A new version is one more subclass. The
costly steps are done once for each version that is in use, however many clients use it.
"""

import abc
from typing import ClassVar

import msgspec

from widgets.protocol.answers import Answer
from widgets.protocol.emissions import EmittedRows, FeedEmission, FeedSnapshot
from widgets.wire import PreparedFrame


class ProtocolVersion(abc.ABC):
    """Encodes the messages to a client. One instance serves all connections: it has no state."""

    subprotocol: ClassVar[str]
    """The name that client and server agree on in the handshake; empty for version 1, which has none."""

    sends_entries: ClassVar[bool] = False
    """Whether a list is sent as single entries, each once, and never whole."""

    sends_status: ClassVar[bool] = True
    """Whether each client is sent the status. Otherwise only subscribers of its feed are."""

    @abc.abstractmethod
    def encode_answer(self, answer: Answer) -> str | bytes:
        """The payload of an answer or a status: a text, or bytes for a binary frame."""

    @abc.abstractmethod
    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str | bytes:
        """The payload of an emission that is sent now. Its rows come from `rows_text`."""

    @abc.abstractmethod
    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """The rows as a part of the payload. This is nearly all of the cost of a frame."""

    def update(
        self, emission: FeedEmission, before: FeedSnapshot | None, now_ns: int
    ) -> tuple[PreparedFrame, ...] | None:
        """The frames that lead from the state before an emission to the state after it.

        None: the client needs the whole feed. `before` is the state before if the feed is a list.
        """
        del before
        return None if emission.replaces else (PreparedFrame(self.encode_emission(emission, now_ns)),)

    def rows_text(self, rows: EmittedRows) -> msgspec.Raw:
        """The encoded rows, made once for this version."""
        text = rows.texts.get(self.subprotocol)
        if text is None:
            text = rows.texts[self.subprotocol] = self.encode_rows(rows)
        return text


class EmissionFrames(dict[ProtocolVersion, tuple[PreparedFrame, ...] | None]):
    """The frames of one emission by version. Each version is encoded once, when it is first needed.

    None: clients of this version need the whole feed. `before` is the state before if the feed is a list.
    """

    __slots__ = ("_before", "_now_ns", "emission")

    def __init__(self, emission: FeedEmission, now_ns: int, before: FeedSnapshot | None = None) -> None:
        super().__init__()
        self.emission = emission
        self._now_ns = now_ns
        self._before = before

    def __missing__(self, version: ProtocolVersion) -> tuple[PreparedFrame, ...] | None:
        """Encode the emission for a version."""
        frames = self[version] = version.update(self.emission, self._before, self._now_ns)
        return frames

    @property
    def payload_bytes(self) -> int:
        """The size of all encoded frames, before compression."""
        return sum(len(frame.payload) for frames in self.values() for frame in frames or ())
