"""Which print sets the last price, and which quote is the newest."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import (
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    quote_wire,
    trade_wire,
    whole_of,
)

DAY = "2026-11-27"
CALENDAR = calendar_of(DAY, early_closes={DAY})


def last_row(queue: QueueName, *batches: Sequence[Mapping[str, object]]) -> dict[str, float | None]:
    shard = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
    for events in batches:
        shard.apply([batch(queue, events)])
    return block_rows(whole_of(shard.tick(published_ns=1)))["AAPL"]


@pytest.mark.parametrize(
    ("time_of_day", "conditions", "sets_last"),
    [
        ("10:00", None, True),
        ("10:00", [], True),
        ("10:00", [14, 41], True),
        ("10:00", [14, 37], False),
        ("10:00", [12], False),
        ("09:29:59.999", [12], True),
        ("09:30", [12], False),
        ("08:00", [12, 37], False),
        ("12:59:59.999", [12], False),
        ("13:00", [12], True),
        ("10:00", [12_345], True),
        *(("10:00", [code], False) for code in (2, 5, 7, 10, 13, 15, 16, 20, 21, 22, 29, 32, 33, 37, 52, 53)),
    ],
)
def test_conditions_decide_over_the_last_price(
    time_of_day: str, conditions: list[int] | None, sets_last: bool
) -> None:
    fields: dict[str, object] = {} if conditions is None else {"c": conditions}
    event = trade_wire(timestamp_ms=new_york_ms(DAY, time_of_day), p=42.0) | fields
    assert last_row(QueueName.TRADES, [event])["last_price"] == (42.0 if sets_last else None)


@pytest.mark.parametrize(
    ("whole", "fractional", "expected"),
    [
        (100, None, 100.0),
        (100, "100.25", 100.25),
        (0, "0.0073", 0.0073),
        (7, "nonsense", 7.0),
        (7, "1e9", 7.0),
    ],
)
def test_fractions_of_shares_count_where_they_can_be_read(
    whole: int, fractional: str | None, expected: float
) -> None:
    event = trade_wire(timestamp_ms=new_york_ms(DAY, "10:00"), s=whole, ds=fractional)
    assert last_row(QueueName.TRADES, [event])["last_size"] == expected


def test_an_empty_side_of_a_quote_is_absent() -> None:
    row = last_row(QueueName.QUOTES, [quote_wire(timestamp_ms=new_york_ms(DAY, "10:00"), bp=0, bs=0)])
    assert (row["bid_price"], row["bid_size"]) == (None, None)
    assert (row["ask_price"], row["ask_size"]) == (10.01, 200.0)
    assert (row["spread"], row["mid_price"], row["spread_pct"]) == (None, None, None)


def test_the_spread_is_told_in_dollars_and_in_percent_of_the_middle() -> None:
    row = last_row(QueueName.QUOTES, [quote_wire(timestamp_ms=new_york_ms(DAY, "10:00"), bp=9.0, ap=11.0)])
    assert (row["spread"], row["mid_price"], row["spread_pct"]) == (2.0, 10.0, 20.0)


def test_a_locked_market_has_a_spread_of_zero() -> None:
    row = last_row(QueueName.QUOTES, [quote_wire(timestamp_ms=new_york_ms(DAY, "10:00"), bp=9.0, ap=9.0)])
    assert (row["spread"], row["spread_pct"]) == (0.0, 0.0)


moments = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20)


@given(moments=moments, cut=st.integers(0, 20))
def test_the_newest_wins_in_any_order(moments: list[tuple[int, int]], cut: int) -> None:
    """Each event bears its place as its price; of equal times and numbers the last to come counts."""
    opens_ms = new_york_ms(DAY, "09:30")
    newest = max(range(len(moments)), key=lambda place: (moments[place], place))
    for queue, wire, price, column in (
        (QueueName.TRADES, trade_wire, "p", "last_price"),
        (QueueName.QUOTES, quote_wire, "bp", "bid_price"),
    ):
        events = [
            wire(timestamp_ms=opens_ms + moment, q=number) | {price: place + 1}
            for place, (moment, number) in enumerate(moments)
        ]
        assert last_row(queue, events[:cut], events[cut:])[column] == newest + 1
