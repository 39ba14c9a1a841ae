"""Every column is defined in docs/metrics.md, computed by the oracle from that page, and compared."""

import random

from marketdata.schema.boards import ALL_BOARDS
from scanners.registry import routes, table_columns
from tests.oracle.awaited import AWAITED
from tests.oracle.boards import BOARDS
from tests.oracle.documentation import defined, defined_columns
from tests.oracle.invented_reference import invented_reference
from tests.oracle.market import Oracle
from tests.oracle.terms import day_of, epoch_ms, new_york
from tests.support.builders import aggregate_wire, quote_wire, trade_wire

DATE = "2026-11-24"


def oracle_columns() -> set[str]:
    """The columns of a symbol of which everything came, in the regular session."""
    day = day_of(DATE, "2026-11-25")
    time_ms = epoch_ms(new_york(DATE, "10:00"))
    reference = invented_reference({"AAPL": 10.0}, time_ms, random.Random(2))
    oracle = Oracle([day], reference)
    for event in (
        aggregate_wire(start_ms=time_ms),
        trade_wire(timestamp_ms=time_ms),
        quote_wire(timestamp_ms=time_ms),
        {"ev": "LULD", "T": "AAPL", "h": 11.0, "l": 9.0, "i": [15], "z": 3, "t": time_ms * 10**6, "q": 1},
    ):
        oracle.take(event, received_ms=time_ms, feed_time_ms=time_ms)
    further = {"earliest_reopening_timestamp", "limit_state_timestamp", "limit_pause_timestamp"}
    return set(oracle.rows()["AAPL"]) | further


def test_every_column_of_the_table_is_defined_and_compared() -> None:
    columns = set(table_columns(routes()))
    assert columns - defined_columns() == set()
    assert columns - oracle_columns() <= AWAITED


def test_every_defined_column_is_in_the_table_unless_it_is_awaited() -> None:
    assert defined_columns() - set(table_columns(routes())) <= AWAITED
    assert defined_columns() >= AWAITED


def test_every_board_is_defined_and_compared() -> None:
    assert set(ALL_BOARDS) <= defined("Boards")
    assert set(ALL_BOARDS) <= BOARDS.keys()
