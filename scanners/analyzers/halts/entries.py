"""The entries of the stream of halts: each halt, each resumption, and each end of a halt that was only seen.

An entry is made when its message arrives, from this message and those that arrived before it. So the
messages of the symbols concerned are looked at one by one, in order of arrival. They are few.
Definitions: docs/metrics.md, "Halts and bands".
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.trading_calendar import TradingDay
from scanners.analysis.contract import Emission, EventGroup
from scanners.analyzers.halts.columns import (
    HALT_BEGAN,
    HALT_ENDED_UNSEEN,
    HALT_ENTRY,
    HALT_REASON,
    HALT_STREAM,
    RESUMPTION_ENTRY,
)
from scanners.analyzers.halts.messages import (
    HALT_NS,
    HALT_SEQUENCE,
    HALTED,
    HIGH,
    LOW,
    NEWEST_NS,
    RESUMED,
    SEQUENCE_NUMBER,
    STATE_GROUP,
    TIME_MS,
    TRADING,
    TRADING_NS,
    TRADING_SEQUENCE,
    in_regular_session,
)
from scanners.table import MarketTable, PrivateColumns

MAX_REMEMBERED_HALTS: Final = 16
"""How many emitted halts and resumptions of a symbol are remembered."""

EMITTED_GROUP: Final = "halts_told"
EMITTED: Final = tuple(f"told_{number:02}" for number in range(MAX_REMEMBERED_HALTS))

_Key: TypeAlias = tuple[float, float]
"""The time of a message in nanoseconds of the day, and its sequence number: which of two is newer."""

_NEVER: Final[_Key] = (-math.inf, -math.inf)


class _Message(msgspec.Struct, frozen=True):
    row: int
    meaning: int
    key: _Key
    time_ms: float
    bands: tuple[float, float]

    @property
    def has_bands(self) -> bool:
        return any(band > 0 for band in self.bands)


class _Known(msgspec.Struct):
    """What is known of a symbol before a message: its newest message, halt, and sign of trading."""

    newest: _Key
    bands: tuple[float, float]
    halt: _Key
    halted_ms: float
    trading: _Key

    @property
    def is_halted(self) -> bool:
        return self.halt > self.trading

    def note(self, message: _Message) -> None:
        """Know the message too."""
        if message.key >= self.newest:
            self.newest, self.bands = message.key, message.bands
        if message.meaning == HALTED:
            if message.key >= self.halt:
                self.halt, self.halted_ms = message.key, message.time_ms
        elif message.meaning >= TRADING:
            self.trading = max(self.trading, message.key)

    def began_ms(self, message: _Message) -> float:
        """When the halt began that the message begins or ends; NaN if that is not known."""
        if message.meaning == HALTED:
            return message.time_ms
        return self.halted_ms if _NEVER < self.halt <= message.key else math.nan

    def bands_at(self, message: _Message) -> tuple[float, float]:
        """The bands of the message, else those in force until then; 0 or NaN if they are not known."""
        if message.has_bands:
            return message.bands
        return self.bands if self.newest < message.key else (math.nan, math.nan)


def emissions(
    table: MarketTable, group: EventGroup, meaning: NDArray[np.int64], times_ns: Column, day: TradingDay
) -> Sequence[Emission]:
    """The new entries, in order of arrival. To be called before the group changes the table."""
    ends_halt = (meaning == TRADING) & (table["is_halted"][group.rows] == 1)
    happened = (meaning >= RESUMED) | ends_halt
    if not happened.any():
        return ()
    known: dict[int, _Known] = {}
    rows: list[int] = []
    entries: list[tuple[float, ...]] = []
    for message in _messages_of(group.rows[happened], table, group, meaning, times_ns):
        past = known.get(message.row)
        if past is None:
            past = known[message.row] = _known(table, message.row)
        kind = _kind(message, past, table.private_columns[EMITTED_GROUP])
        if kind is not None:
            rows.append(message.row)
            entries.append((kind, message.time_ms, past.began_ms(message), *past.bands_at(message)))
        past.note(message)
    if not entries:
        return ()
    kinds, times_ms, began_ms, high, low = np.array(entries).T
    reason = np.where(np.isnan(began_ms), np.nan, in_regular_session(began_ms, day))
    columns = {
        "kind": kinds,
        "timestamp": times_ms,
        HALT_BEGAN.name: began_ms,
        HALT_REASON.name: reason,
        "event_band_high": np.where(high > 0, high, np.nan),
        "event_band_low": np.where(low > 0, low, np.nan),
    }
    return (Emission(HALT_STREAM.name, np.array(rows, dtype=np.intp), columns),)


def _messages_of(
    rows: NDArray[np.intp],
    table: MarketTable,
    group: EventGroup,
    meaning: NDArray[np.int64],
    times_ns: Column,
) -> Iterator[_Message]:
    """The messages of some rows, in order of arrival."""
    concerned = np.zeros(len(table), dtype=np.bool_)
    concerned[rows] = True
    chosen = np.flatnonzero(concerned[group.rows])
    messages = group.values[:, chosen]
    fields = (group.rows[chosen], meaning[chosen], times_ns[chosen])
    numbers = (messages[SEQUENCE_NUMBER], messages[TIME_MS], messages[HIGH], messages[LOW])
    for row, means, time_ns, number, time_ms, high, low in zip(
        *(each.tolist() for each in (*fields, *numbers)), strict=True
    ):
        yield _Message(row, means, (time_ns, number), time_ms, (high, low))


def _known(table: MarketTable, row: int) -> _Known:
    """What the table knows of a symbol."""
    state = table.private_columns[STATE_GROUP].values[:, row].tolist()
    return _Known(
        newest=_key(state[NEWEST_NS], float(table["band_sequence_number"][row])),
        bands=(float(table["band_high"][row]), float(table["band_low"][row])),
        halt=_key(state[HALT_NS], state[HALT_SEQUENCE]),
        halted_ms=float(table["halt_timestamp"][row]),
        trading=_key(state[TRADING_NS], state[TRADING_SEQUENCE]),
    )


def _key(time_ns: float, sequence_number: float) -> _Key:
    return _NEVER if math.isnan(time_ns) else (time_ns, sequence_number)


def _kind(message: _Message, past: _Known, emitted: PrivateColumns) -> int | None:
    """The kind of the message's entry; None if it has none, or was emitted before."""
    if message.meaning == TRADING:
        return HALT_ENDED_UNSEEN if past.is_halted and message.key >= past.halt else None
    if message.meaning < RESUMED or not _note_emitted(emitted, message):
        return None
    return HALT_ENTRY if message.meaning == HALTED else RESUMPTION_ENTRY


def _note_emitted(emitted: PrivateColumns, message: _Message) -> bool:
    """Remember a halt or resumption as emitted. Returns False if it was emitted before, or is too old.

    A halt is remembered by its time as a positive number, a resumption as a negative one. Too old means older
    than all that are remembered: it was emitted or forgotten.
    """
    key = (message.key[0] + 1) * (1 if message.meaning == HALTED else -1)
    held = emitted.values[:, message.row]
    ages = np.where(np.isnan(held), 0.0, np.abs(held))
    oldest = int(np.argmin(ages))
    if (held == key).any() or ages[oldest] > abs(key):
        return False
    emitted.values[oldest, message.row] = key
    emitted.mark()
    return True
