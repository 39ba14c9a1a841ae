"""What the platform came to beside what the oracle says, difference by difference."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.payloads import RowBlock
from marketdata.tapes import TradeTape
from tests.oracle.boards import BOARDS
from tests.oracle.halts import limit_pause, reopening
from tests.oracle.market import Lines, Oracle
from tests.oracle.outcome import Outcome
from tests.oracle.terms import Row, Value
from tests.oracle.trades import MILLIONTHS, Print

CALCULATED: Final = frozenset(
    {
        "change", "pct_change", "change_since_open", "pct_change_since_open", "gap_pct", "relative_volume",
        "relative_volume_at_time", "float_rotation", "vwap_distance_pct", "pct_change_1m", "pct_change_5m",
        "pct_change_15m", "relative_volume_1m", "relative_volume_5m", "trade_volume", "trade_average_size",
        "trades_per_minute", "spread", "mid_price", "spread_pct", "band_distance_pct",
    }
)  # fmt: skip
"""Columns whose last digits depend on the order of arithmetic; all others are equal exactly."""

RELATIVE_TOLERANCE: Final = 1e-9
ABSOLUTE_TOLERANCE: Final = 1e-12


class Answer(msgspec.Struct, frozen=True):
    """What the oracle says at an instant: rows, boards, lines of each stream by symbol, tapes.

    `moments` are the times at which a symbol can have entered a limit state.
    """

    rows: Mapping[str, Row]
    boards: Mapping[str, Sequence[str]]
    streams: Mapping[str, Lines]
    tapes: Mapping[str, Sequence[Print]]
    moments: Mapping[str, frozenset[int]]


def answer_of(oracle: Oracle) -> Answer:
    """Everything that can be compared, as of now."""
    rows = oracle.rows()
    return Answer(rows, oracle.boards(rows), oracle.streams(), oracle.tapes(), oracle.moments())


def differences(found: Outcome, answer: Answer, columns: Sequence[str]) -> Iterator[str]:
    """Each difference in words: of the table in the given columns, of the boards, of the streams."""
    market_time_ms = {symbol: block.market_time_ms for block in found.rows for symbol in block.symbols}
    right = msgspec.structs.replace(
        answer,
        rows={
            symbol: row | {"earliest_reopening_timestamp": reopening(row, market_time_ms.get(symbol, 0))}
            for symbol, row in answer.rows.items()
        },
    )
    for block in found.rows:
        yield from table_differences(block, right, columns)
    yield from (f"{symbol}: no row" for symbol in right.rows.keys() - market_time_ms.keys())
    for feed, board in found.boards.items():
        if BOARDS[feed].column not in columns:
            continue
        yield from (f"{feed} {each}" for each in board_differences(feed, board, right, columns))
    for stream, lines in right.streams.items():
        yield from (f"{stream} {each}" for each in line_differences(found.streams[stream], lines))
    yield from tape_differences(found.tapes, right.tapes)


def table_differences(block: RowBlock, right: Answer, columns: Sequence[str]) -> Iterator[str]:
    """Rows of one block in the given columns."""
    for found in block.rows():
        symbol = str(found.pop("symbol"))
        row: Row = {name: value for name, value in found.items() if not isinstance(value, str)}
        if symbol not in right.rows:
            yield f"{symbol}: a row that the oracle does not have"
            continue
        expected = right.rows[symbol] | _limit_state(row, right.rows[symbol], right.moments[symbol])
        for name in columns:
            if not same(name, row[name], expected.get(name)):
                yield f"{symbol} {name}: {row[name]!r}, the oracle says {expected.get(name)!r}"


def board_differences(feed: str, board: RowBlock, right: Answer, columns: Sequence[str]) -> Iterator[str]:
    """Order of a board, and what its rows show."""
    expected = tuple(right.boards[feed])
    if board.symbols != expected:
        yield f"{board.symbols}, the oracle says {expected}"
        return
    yield from table_differences(board, right, [name for name in columns if name in board.columns])


def line_differences(blocks: Sequence[RowBlock], lines: Lines) -> Iterator[str]:
    """Every line of every symbol, in order, once."""
    found: dict[str, list[dict[str, float | str | None]]] = {}
    for block in blocks:
        for row in block.rows():
            found.setdefault(str(row["symbol"]), []).append(row)
    for symbol in sorted(found.keys() | lines.keys()):
        right = list(lines.get(symbol, []))
        names = right[0] if right else ()
        told = [{name: row[name] for name in names} for row in found.get(symbol, [])]
        if told != right:
            odd = next(i for i in range(max(len(told), len(right))) if told[i : i + 1] != right[i : i + 1])
            yield f"{symbol} {odd}: {told[odd : odd + 1]}, the oracle says {right[odd : odd + 1]}"


def tape_differences(found: Mapping[str, TradeTape], right: Mapping[str, Sequence[Print]]) -> Iterator[str]:
    """Every trade of every tape."""
    for symbol in sorted(found.keys() | right.keys()):
        told = _prints(found[symbol]) if symbol in found else []
        expected = list(right.get(symbol, []))
        if told != expected:
            missing, strange = len(set(expected) - set(told)), len(set(told) - set(expected))
            yield f"tape of {symbol}: {len(told)} trades, {missing} are missing, {strange} are strange"


def same(name: str, value: Value, expected: Value) -> bool:
    """Absent equals only absent; calculated numbers are equal up to rounding, others exactly."""
    if value is None or expected is None:
        return value is expected
    if name in CALCULATED:
        return math.isclose(value, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return value == expected


def _prints(tape: TradeTape) -> list[Print]:
    """A tape as the oracle has it: oldest first."""
    columns = (tape.timestamps, tape.sequence_numbers, tape.prices, np.rint(tape.sizes * MILLIONTHS))
    return [Print(*values) for values in zip(*(column[::-1].tolist() for column in columns), strict=True)]


def _limit_state(row: Row, expected: Row, moments: frozenset[int]) -> Row:
    """When a limit state began depends on ticks: any time of a quote or of bands is right."""
    began_ms = row.get("limit_state_timestamp")
    in_limit_state = expected["limit_state"] in {1, -1}
    right = began_ms if in_limit_state and began_ms in moments else -1 if in_limit_state else None
    return {"limit_state_timestamp": right, "limit_pause_timestamp": limit_pause(right)}
