"""A version of the protocol towards the client: emissions and answers become text.

The streams of the hub yield emissions and know no version. Another version is one more class here, and what
is costly is done once for each version that somebody speaks, however many clients speak it.
"""

import abc
from typing import ClassVar

import msgspec

from widgets.protocol.answers import Answer
from widgets.protocol.emissions import EmittedRows, FeedEmission


class ProtocolVersion(abc.ABC):
    """Encodes what a connection is sent. One instance serves all connections: it has no state."""

    subprotocol: ClassVar[str]
    """What client and server agree on at the handshake."""

    @abc.abstractmethod
    def encode_answer(self, answer: Answer) -> str:
        """The text of an answer or a status."""

    @abc.abstractmethod
    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str:
        """The text of an emission as it is sent now; its rows come from `rows_text`."""

    @abc.abstractmethod
    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """The rows as JSON: nearly all of the cost of a frame."""

    def rows_text(self, rows: EmittedRows) -> msgspec.Raw:
        """The rows as JSON, encoded once for this version."""
        text = rows.texts.get(self.subprotocol)
        if text is None:
            text = rows.texts[self.subprotocol] = self.encode_rows(rows)
        return text


class EmissionTexts(dict[ProtocolVersion, str]):
    """The text of one emission by version: encoded when a version is first asked for, and once."""

    __slots__ = ("_emission", "_now_ns")

    def __init__(self, emission: FeedEmission, now_ns: int) -> None:
        super().__init__()
        self._emission = emission
        self._now_ns = now_ns

    def __missing__(self, version: ProtocolVersion) -> str:
        """Encode for one more version."""
        text = self[version] = version.encode_emission(self._emission, self._now_ns)
        return text
