"""Makes frames fast: the events of a step are encoded once, then repeated with their own times and numbers.

The market repeats its *prototypes* (`marketdata.synthetic_market.blocks`), and copying the text of one costs
a twentieth of rendering it. An event's time, participant time, sequence number and trade id have the same
number of digits throughout a step. So they can be overwritten in place.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marketdata.providers.massive.emulator.spelling import messages_of
from marketdata.providers.massive.emulator.wire import frames
from marketdata.synthetic_market.blocks import Block, EventBlock, EventKind, RepeatedBlock

_TIME_DIGITS: Final = 13
# Four bytes that stand in front of what is overwritten, and how far it is from their first byte.
_EVENT: Final = b'{"ev'
_TIME: Final = (b'"t":', 4)
_TRADE_ID: Final = (b'"i":', 5)
_TRF_TIME: Final = (b"trft", 6)
_PARTICIPANT_AFTER_TIME: Final = _TIME_DIGITS + len(',"pt":')
_NUMBER_AFTER_TIME: Final = _PARTICIPANT_AFTER_TIME + _TIME_DIGITS + len(',"q":')
_FOUR_DIGITS: Final = np.array([b"%04d" % number for number in range(10_000)], dtype="S4").view(np.uint32)

Digits: TypeAlias = NDArray[np.void]


def frames_of(block: Block, events_per_frame: int) -> Iterator[bytes]:
    """All events of a block as server frames of at most so many events each."""
    if isinstance(block, EventBlock):
        return frames(messages_of(block), events_per_frame)
    return _repeated_frames(block, events_per_frame)


def _repeated_frames(block: RepeatedBlock, events_per_frame: int) -> Iterator[bytes]:
    rendered_frames = _RenderedFrames(block.prototypes, events_per_frame)
    first_ms = int(block.times[0]) - rendered_frames.longest_lag_ms
    times = digits(np.arange(first_ms, int(block.times[-1]) + 1), _TIME_DIGITS)
    numbers = digits(block.numbers, len(str(block.numbers[0])))
    for start in range(0, len(block), len(block.prototypes)):
        rows = slice(start, start + len(block.prototypes))
        rendered_frames.stamp(times, block.times[rows] - first_ms, numbers[rows])
        yield from rendered_frames.frames(len(numbers[rows]))


class _RenderedFrames:
    """The prototypes as consecutive frames of text, whose times and numbers are overwritten for each use."""

    def __init__(self, prototypes: EventBlock, events_per_frame: int) -> None:
        rendered = list(frames(messages_of(prototypes), events_per_frame))
        self._text: Final = np.frombuffer(bytearray(b"".join(rendered)), dtype=np.uint8)
        self._frame_ends: Final = np.cumsum([len(frame) for frame in rendered]).tolist()
        self._events_per_frame: Final = events_per_frame
        self._events: Final = self._find(_EVENT)
        self._time_at: Final = self._find(*_TIME)
        columns = prototypes.columns
        self._lag_ms: Final = columns["timestamp"] - columns["participant_timestamp"]
        self.longest_lag_ms: Final = int(self._lag_ms.max())
        is_trade = prototypes.kind is EventKind.TRADE
        self._trade_id_at: Final = self._find(*_TRADE_ID) if is_trade else None
        self._trf_rows: Final = np.flatnonzero(columns["reporting_facility"]) if is_trade else None
        self._trf_time_at: Final = self._find(*_TRF_TIME)

    def stamp(self, texts: Digits, time_rows: NDArray[np.int64], numbers: Digits) -> None:
        """Overwrite the first events' times, by their rows in `texts`, and numbers."""
        count = len(numbers)
        time_at = self._time_at[:count]
        participant_texts = texts[time_rows - self._lag_ms[:count]]
        self._overwrite(time_at, texts[time_rows])
        self._overwrite(time_at + _PARTICIPANT_AFTER_TIME, participant_texts)
        self._overwrite(time_at + _NUMBER_AFTER_TIME, numbers)
        if self._trade_id_at is not None and self._trf_rows is not None:
            self._overwrite(self._trade_id_at[:count], numbers)
            off_exchange = self._trf_rows[self._trf_rows < count]
            self._overwrite(self._trf_time_at[: len(off_exchange)], participant_texts[off_exchange])

    def frames(self, count: int) -> Iterator[bytes]:
        """Frames of the first events, as last stamped. A shortened frame gets its closing bracket again."""
        start = 0
        whole, rest = divmod(count, self._events_per_frame)
        if count == len(self._events):
            whole, rest = len(self._frame_ends), 0
        for end in self._frame_ends[:whole]:
            yield self._text[start:end].tobytes()
            start = end
        if rest:
            comma_at = self._events[count] - 1
            yield self._text[start:comma_at].tobytes() + b"]"

    def _find(self, needle: bytes, distance: int = 0) -> NDArray[np.int64]:
        """The offset of four bytes in the text, plus a distance."""
        words = np.ndarray(max(0, len(self._text) - 3), dtype="<u4", buffer=self._text.data, strides=(1,))
        return np.flatnonzero(words == int.from_bytes(needle, "little")) + distance

    def _overwrite(self, at: NDArray[np.int64], texts: Digits) -> None:
        # One element at every byte of the text: assigning by index then copies whole texts to any place.
        width = texts.dtype.itemsize
        places = np.ndarray(len(self._text) - width + 1, texts.dtype, buffer=self._text.data, strides=(1,))
        places[at] = texts


def digits(values: NDArray[np.int64], width: int) -> Digits:
    """Whole numbers in decimal, exactly `width` characters each; they must have as many digits or fewer."""
    groups = -(-width // 4)
    text = np.empty((len(values), groups), dtype=np.uint32)
    for group in range(groups - 1, -1, -1):
        values, part = np.divmod(values, 10_000)
        text[:, group] = _FOUR_DIGITS[part]
    exact = np.ascontiguousarray(text.view(np.uint8)[:, groups * 4 - width :])
    return exact.view(f"V{width}").reshape(-1)
