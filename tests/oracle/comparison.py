"""What the platform came to beside what the oracle says, difference by difference."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.payloads import RowBlock
from tests.oracle.day_range import Alert
from tests.oracle.market import Oracle
from tests.oracle.platform import Platform
from tests.oracle.terms import Row, Value

CALCULATED: Final = frozenset(
    {
        "change", "pct_change", "change_since_open", "pct_change_since_open", "gap_pct", "relative_volume",
        "relative_volume_at_time", "float_rotation", "vwap_distance_pct", "pct_change_1m", "pct_change_5m",
        "pct_change_15m", "relative_volume_1m", "relative_volume_5m", "trade_volume", "trade_average_size",
        "trades_per_minute", "spread", "mid_price", "spread_pct",
    }
)  # fmt: skip
"""Columns whose last digits depend on the order of arithmetic; all others are equal exactly."""

RELATIVE_TOLERANCE: Final = 1e-9
ABSOLUTE_TOLERANCE: Final = 1e-12


class Answer(msgspec.Struct, frozen=True):
    """What the oracle says at an instant: rows by symbol, symbols by board, alerts by stream and symbol."""

    rows: Mapping[str, Row]
    boards: Mapping[str, Sequence[str]]
    alerts: Mapping[str, Mapping[str, Sequence[Alert]]]


def answer_of(oracle: Oracle) -> Answer:
    """Everything that can be compared, as of now."""
    rows = oracle.rows()
    return Answer(rows, oracle.boards(rows), oracle.alerts())


def differences(platform: Platform, answer: Answer, columns: Sequence[str]) -> Iterator[str]:
    """Each difference in words: of the table in the given columns, of the boards, of the alerts."""
    rows = answer.rows
    for block in platform.stored_rows():
        yield from table_differences(block, rows, columns)
    stored = {symbol for block in platform.stored_rows() for symbol in block.symbols}
    yield from (f"{symbol}: no row" for symbol in rows.keys() - stored)
    for feed, board in platform.boards().items():
        yield from board_differences(feed, board, answer.boards[feed], rows, columns)
    for stream, alerts in answer.alerts.items():
        yield from alert_differences(stream, platform.happened(stream), alerts)


def table_differences(block: RowBlock, rows: Mapping[str, Row], columns: Sequence[str]) -> Iterator[str]:
    """Rows of one block in the given columns."""
    for row in block.rows():
        symbol = str(row["symbol"])
        if symbol not in rows:
            yield f"{symbol}: a row that the oracle does not have"
            continue
        for name in columns:
            value, expected = row[name], rows[symbol].get(name)
            assert not isinstance(value, str)
            if not same(name, value, expected):
                yield f"{symbol} {name}: {value!r}, the oracle says {expected!r}"


def board_differences(
    feed: str, board: RowBlock, expected: Sequence[str], rows: Mapping[str, Row], columns: Sequence[str]
) -> Iterator[str]:
    """Order of a board, its ranks, and what its rows show."""
    if list(board.symbols) != list(expected):
        yield f"{feed}: {board.symbols}, the oracle says {tuple(expected)}"
        return
    if board.columns["rank"].tolist() != list(range(1, len(expected) + 1)):
        yield f"{feed}: ranks {board.columns['rank'].tolist()}"
    shown = [name for name in columns if name in board.columns]
    yield from (f"{feed} {each}" for each in table_differences(board, rows, shown))


def alert_differences(
    stream: str, blocks: Sequence[RowBlock], expected: Mapping[str, Sequence[Alert]]
) -> Iterator[str]:
    """Every alert of every symbol, in order, once."""
    found: dict[str, list[Alert]] = {}
    for block in blocks:
        for row in block.rows():
            values = {name: row[name] for name in Alert.__struct_fields__}
            found.setdefault(str(row["symbol"]), []).append(Alert(**values))  # type: ignore[arg-type] # no text
    for symbol in sorted(found.keys() | expected.keys()):
        told, right = found.get(symbol, []), list(expected.get(symbol, []))
        if told != right:
            odd = next(i for i in range(max(len(told), len(right))) if told[i : i + 1] != right[i : i + 1])
            yield f"{stream} {symbol} {odd}: {told[odd : odd + 1]}, the oracle says {right[odd : odd + 1]}"


def same(name: str, value: Value, expected: Value) -> bool:
    """Absent equals only absent; calculated numbers are equal up to rounding, others exactly."""
    if value is None or expected is None:
        return value is expected
    if name in CALCULATED:
        return math.isclose(value, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return value == expected
