"""Bytes to columns: the bodies of many batches become one array of numbers, without an object for each event.

A compiled loop reads plain JSON, which nearly all events are. The complete decoder
(`marketdata.codec.events`) reads the other events, and the bodies in which the loop cannot find the events.
It gives the same numbers, or sets the event aside with a reason. Both decoders accept the same events and
give the same columns; only their speed differs. With `EVENT_DECODER=complete` the complete decoder reads all
bodies (`marketdata.decoder_choice`).
"""

from collections.abc import Sequence
from typing import Any, Final, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.codec.events import EventDecoder, Rejected
from marketdata.codec.layout import ColumnSource, EventMatrix, layout_of, values_of
from marketdata.decoder_choice import may_use_compiled_loops
from marketdata.kernels.arrays import Codes, Integers
from marketdata.kernels.event_columns import ODD_EVENT, EventArrays, EventLayout, read_events
from marketdata.kernels.json_text import NO_CODE, packed_word
from marketdata.kernels.symbols import pack

_BODY_END: Final = b"\0"
_SYMBOL_END: Final = "\0"


class SymbolColumn(Sequence[str]):
    """A column of symbols. Most have a code, a unique 64-bit number, so that no text is built for each.

    `codes[i]` is `NO_CODE` if the symbol is longer than eight bytes, or not plain ASCII. The text of symbol
    `i` begins in `text` at byte `starts[i]` and is `lengths[i]` bytes long; a negative start -n means the
    n-th of `spelled`.
    """

    def __init__(
        self, text: bytes, codes: Codes, starts: Integers, lengths: Integers, spelled: Sequence[str] = ()
    ) -> None:
        self.codes: Final = codes
        self._text = text
        self._starts = starts
        self._lengths = lengths
        self._spelled = spelled

    @classmethod
    def from_symbols(cls, symbols: Sequence[str]) -> "SymbolColumn":
        """The column of these symbols."""
        if isinstance(symbols, SymbolColumn):
            return symbols
        count = len(symbols)
        starts, lengths = np.empty((2, count), dtype=np.int64)
        codes = np.empty(count, dtype=np.uint64)
        joined = _SYMBOL_END.join([*symbols, ""])
        if joined.isascii() and joined.count(_SYMBOL_END) == count:
            text = joined.encode()
            pack(text, codes, starts, lengths)
            return cls(text, codes, starts, lengths)
        for index, symbol in enumerate(symbols):
            codes[index] = _code_of(symbol)
        return cls(b"", codes, -1 - np.arange(count), lengths, tuple(symbols))

    def __len__(self) -> int:
        """Number of symbols."""
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "SymbolColumn": ...

    def __getitem__(self, index: int | slice) -> "str | SymbolColumn":
        """The text of one symbol, or a column of some."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        start = int(self._starts[index])
        if start < 0:
            return self._spelled[-1 - start]
        return self._text[start : start + int(self._lengths[index])].decode()

    def take(self, indices: NDArray[np.intp]) -> "SymbolColumn":
        """The column of the symbols at the indices."""
        return SymbolColumn(
            self._text, self.codes[indices], self._starts[indices], self._lengths[indices], self._spelled
        )


class EventColumns(msgspec.Struct, frozen=True):
    """The good events of some bodies, in their order, and the pieces that were set aside.

    `values[c, i]` is column c of event i; the columns are the sources of the decoder. `counts[i]` is the
    number of events from body i. `rejected[i]` holds the pieces of body i that were set aside, if any.
    """

    values: EventMatrix
    symbols: SymbolColumn
    counts: Integers
    rejected: dict[int, list[Rejected]]


class ColumnDecoder:
    """Decodes bodies with the events of `decoder` into one column for each of `sources`.

    Raises:
        TypeError: a source does not fit the field that it names, or there is no such field.
    """

    def __init__(self, decoder: EventDecoder[Any], sources: Sequence[ColumnSource]) -> None:
        self._decoder = decoder
        self.sources: Final = tuple(sources)
        self.structs: Final = decoder.structs
        self._layout = layout_of(decoder.structs, self.sources)
        self._is_compiled = may_use_compiled_loops()

    def decode(self, bodies: Sequence[bytes]) -> EventColumns:
        """All good events of the bodies, JSON arrays of objects, and every other piece with a reason."""
        reading = _Reading(bodies, self._decoder, self.sources, self._layout)
        return reading.run() if self._is_compiled else reading.run_complete()


class _Reading:
    """One run over some bodies: the arrays that it fills, and its progress."""

    def __init__(
        self,
        bodies: Sequence[bytes],
        decoder: EventDecoder[Any],
        sources: Sequence[ColumnSource],
        layout: EventLayout,
    ) -> None:
        self._bodies = bodies
        self._decoder = decoder
        self._sources = sources
        self._layout = layout
        self._text = _BODY_END.join([*bodies, b""])
        self._starts = np.cumsum([0, *(len(body) + 1 for body in bodies)])
        capacity = self._text.count(b"{")  # every event is an object
        symbol_starts, symbol_lengths = np.empty((2, capacity), dtype=np.int64)
        self._arrays = EventArrays(
            values=np.empty((len(sources), capacity)),
            symbols=np.empty(capacity, dtype=np.uint64),
            symbol_starts=symbol_starts,
            symbol_lengths=symbol_lengths,
            counts=np.zeros(len(bodies), dtype=np.int64),
            odd=np.empty(capacity, dtype=ODD_EVENT),
        )
        self._spelled: list[str] = []
        self._rejected: dict[int, list[Rejected]] = {}

    def run(self) -> EventColumns:
        """Read all bodies."""
        body, count, odd_count = self._read_plain((0, 0, 0))
        while body < len(self._bodies):
            count += self._read_body(body, count)
            body, count, odd_count = self._read_plain((body + 1, count, odd_count))
        return self._columns(count, self._read_odd(odd_count))

    def run_complete(self) -> EventColumns:
        """Read all bodies with the complete decoder only."""
        count = 0
        for body in range(len(self._bodies)):
            count += self._read_body(body, count)
        return self._columns(count, ())

    def _read_plain(self, progress: tuple[int, int, int]) -> tuple[int, int, int]:
        return read_events(self._text, self._starts, progress, self._layout, self._arrays)

    def _read_body(self, body: int, first: int) -> int:
        """Read a body that the compiled loop could not read; returns the number of its good events."""
        decoded = self._decoder.decode(self._bodies[body])
        for index, event in enumerate(decoded.events, first):
            self._write(event, index)
        if decoded.rejected:
            self._rejected[body] = list(decoded.rejected)
        self._arrays.counts[body] = len(decoded.events)
        return len(decoded.events)

    def _read_odd(self, odd_count: int) -> Sequence[int]:
        """Read the single events that are not plain; returns the indexes of those that were set aside."""
        refused = []
        for index, start, end in self._arrays.odd[:odd_count].tolist():
            event = self._decoder.decode_one(self._text[start:end])
            if isinstance(event, Rejected):
                body = int(np.searchsorted(self._starts, start, side="right")) - 1
                self._rejected.setdefault(body, []).append(event)
                self._arrays.counts[body] -= 1
                refused.append(index)
            else:
                self._write(event, index)
        return refused

    def _write(self, event: Any, index: int) -> None:
        self._arrays.values[:, index] = values_of(event, self._sources)
        self._spelled.append(event.symbol)
        self._arrays.symbols[index] = _code_of(event.symbol)
        self._arrays.symbol_starts[index] = -len(self._spelled)

    def _columns(self, count: int, refused: Sequence[int]) -> EventColumns:
        symbols = SymbolColumn(
            self._text,
            self._arrays.symbols[:count],
            self._arrays.symbol_starts[:count],
            self._arrays.symbol_lengths[:count],
            self._spelled,
        )
        values = self._arrays.values[:, :count]
        if refused:
            kept = np.delete(np.arange(count), refused)
            values, symbols = values[:, kept], symbols.take(kept)
        return EventColumns(values, symbols, self._arrays.counts, self._rejected)


def _code_of(symbol: str) -> np.uint64:
    """The code of a symbol; `NO_CODE` if it has none."""
    try:
        return np.uint64(packed_word(symbol))
    except ValueError:
        return NO_CODE
