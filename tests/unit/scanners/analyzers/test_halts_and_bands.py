"""Price bands, halts and limit states: whatever the order and the repetitions of the messages."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
from tests.support.builders import (
    aggregate_wire,
    block_rows,
    new_york_ms,
    quote_wire,
    row_block,
    trade_wire,
)
from tests.unit.scanners.analyzers.halted_shards import (
    DAY,
    NEXT_DAY,
    OPEN_MS,
    PAUSE_MS,
    ShardRig,
    Wire,
    any_message,
    at,
    bands_wire,
    distinct,
    halt,
)


def expected_row(messages: Iterable[Wire], now_ms: int) -> dict[str, float | None]:
    """The definitions of docs/metrics.md, one after the other, for one symbol."""
    ordered = sorted(messages, key=lambda each: (each["t"], each["q"]))
    newest = ordered[-1]
    halts = [each for each in ordered if 17 in each["i"]]
    resumptions = [each for each in ordered if 18 in each["i"] and 17 not in each["i"]]
    telling = [each for each in ordered if 17 in each["i"] or _tells_trading(each)]
    halted_ms = halts[-1]["t"] // NS_PER_MS if halts else None
    is_halted = float(17 in telling[-1]["i"]) if telling else None
    reopening_ms = None
    if is_halted and halted_ms is not None:
        reopening_ms = halted_ms + PAUSE_MS
        while reopening_ms < now_ms:
            reopening_ms += PAUSE_MS
    return {
        "band_high": newest["h"] or None,
        "band_low": newest["l"] or None,
        "band_timestamp": newest["t"] // NS_PER_MS,
        "band_sequence_number": newest["q"],
        "halt_timestamp": halted_ms,
        "resume_timestamp": resumptions[-1]["t"] // NS_PER_MS if resumptions else None,
        "is_halted": is_halted,
        "halt_may_be_limit_pause": 1.0 if halts else None,
        "earliest_reopening_timestamp": reopening_ms,
    }


def _tells_trading(message: Wire) -> bool:
    has_bands = message["h"] > 0 and message["l"] > 0
    return 18 in message["i"] or (has_bands and bool({14, 15, 16} & set(message["i"])))


@given(drawn=st.lists(any_message(), min_size=1, max_size=16), data=st.data())
def test_columns_depend_on_the_messages_alone(drawn: list[Wire], data: st.DataObject) -> None:
    messages = distinct(drawn)
    repeated = messages + data.draw(st.lists(st.sampled_from(messages), max_size=10))
    arrived = data.draw(st.permutations(repeated))
    shard = ShardRig()
    size = data.draw(st.integers(1, 10))
    for first in range(0, len(arrived), size):
        shard.apply(*arrived[first : first + size])
        if data.draw(st.booleans()):
            shard = shard.succeeded()

    tick = shard.publish()

    rows = block_rows(shard.stored.rows())
    for symbol in {message["T"] for message in messages}:
        own = [message for message in messages if message["T"] == symbol]
        expected = expected_row(own, tick.changed.market_time_ms)
        assert {name: rows[symbol][name] for name in expected} == expected


def test_a_halt_ends_with_its_resumption_and_its_bands() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)), halt("10:01:00"))
    row = shard.row()
    assert (row["is_halted"], row["band_high"], row["resume_timestamp"]) == (1, None, None)
    shard.apply(at("10:06:00", 18, bands=(12.0, 10.0)))
    row = shard.row()
    assert (row["is_halted"], row["band_high"], row["band_low"]) == (0, 12.0, 10.0)
    assert row["resume_timestamp"] == new_york_ms(DAY, "10:06:00")
    assert row["earliest_reopening_timestamp"] is None


@pytest.mark.parametrize("bands", [{}, {"h": None, "l": None}, {"h": 0, "l": 0}, {"h": None}])
def test_a_halt_without_bands_is_a_halt(bands: Wire) -> None:
    shard = ShardRig()
    bare = {key: value for key, value in halt("10:01:00").items() if key not in {"h", "l"}}
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)), {**bare, **bands})
    row = shard.row()
    assert (row["is_halted"], row["band_high"], row["band_low"]) == (1, None, None)


def test_bands_of_a_trading_symbol_end_a_halt_whose_resumption_was_lost() -> None:
    shard = ShardRig()
    shard.apply(halt("10:01:00"), at("10:07:00", 16))
    row = shard.row()
    assert (row["is_halted"], row["resume_timestamp"]) == (0, None)


def test_a_collar_of_the_reopening_auction_does_not_end_a_halt() -> None:
    shard = ShardRig()
    shard.apply(halt("10:01:00"), at("10:05:59", 20, bands=(11.0, 9.0)))
    assert shard.row()["is_halted"] == 1


def test_bands_of_other_listings_tell_nothing_about_halts() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 22))
    row = shard.row()
    assert (row["band_high"], row["is_halted"]) == (11.0, None)


def test_the_earliest_reopening_moves_on_while_nothing_is_heard_of_the_symbol() -> None:
    shard = ShardRig()
    shard.apply(halt("10:00:00"))
    assert shard.row()["earliest_reopening_timestamp"] == new_york_ms(DAY, "10:05:00")
    shard.apply(at("10:05:00", 15, symbol="BB"))
    assert shard.row()["earliest_reopening_timestamp"] == new_york_ms(DAY, "10:05:00")
    shard.apply(at("10:05:01", 15, symbol="BB"))
    changed = shard.publish().changed
    assert "AAA" in changed.symbols
    assert block_rows(changed)["AAA"]["earliest_reopening_timestamp"] == new_york_ms(DAY, "10:10:00")


@pytest.mark.parametrize("time_of_day", ["08:00:00", "16:00:00"])
def test_a_halt_outside_the_regular_session_has_no_reopening_that_could_be_known(time_of_day: str) -> None:
    shard = ShardRig()
    shard.apply(halt(time_of_day))
    row = shard.row()
    assert (row["is_halted"], row["halt_may_be_limit_pause"]) == (1, 0)
    assert row["earliest_reopening_timestamp"] is None


def test_a_halt_after_the_close_takes_the_expected_reopening_of_the_one_before_away() -> None:
    shard = ShardRig()
    shard.apply(halt("15:59:00"))
    assert shard.row()["earliest_reopening_timestamp"] == new_york_ms(DAY, "16:04:00")
    shard.apply(halt("16:01:00"))
    assert shard.row()["earliest_reopening_timestamp"] is None


def test_the_next_day_knows_nothing_of_a_halt() -> None:
    shard = ShardRig()
    shard.core.apply_reference(row_block({"AAA": {}}))
    shard.apply(halt("10:00:00"))
    shard.publish()
    bar = aggregate_wire("BB", start_ms=new_york_ms(NEXT_DAY, "04:00:00"))
    shard.apply(bar, queue=QueueName.AGGREGATE)
    assert shard.row()["is_halted"] is None
    assert shard.row()["halt_timestamp"] is None


def quote(time_of_day: str, bid: float, ask: float, sequence_number: int = 1) -> Wire:
    return quote_wire("AAA", timestamp_ms=new_york_ms(DAY, time_of_day), bp=bid, ap=ask, q=sequence_number)


@pytest.mark.parametrize(
    ("bid", "ask", "state"),
    [
        (10.0, 10.02, 0),
        (11.0, 11.01, 1),
        (11.0, 0.0, 1),
        (11.0, 11.0, 1),
        (11.0, 10.99, 0),
        (8.99, 9.0, -1),
        (0.0, 9.0, -1),
        (10.0, 11.01, 2),
        (8.99, 10.0, -2),
        (8.99, 11.01, 3),
        (0.0, 0.0, 0),
    ],
)
def test_the_limit_state_compares_the_newest_quote_with_the_newest_bands(
    bid: float, ask: float, state: int
) -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)))
    shard.apply(quote("10:00:01", bid, ask), queue=QueueName.QUOTES)
    assert shard.row()["limit_state"] == state


def test_without_quotes_bands_or_a_regular_session_there_is_no_limit_state() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15))
    assert shard.row()["limit_state"] is None
    shard.apply(quote("16:00:00", 11.0, 11.01), queue=QueueName.QUOTES)
    assert shard.row()["limit_state"] is None
    other = ShardRig()
    other.apply(quote("10:00:00", 11.0, 11.01), queue=QueueName.QUOTES)
    assert other.row()["limit_state"] is None
    other.apply(at("10:00:00", 15, bands=(11.0, 0.0)))
    assert other.row()["limit_state"] is None


def test_the_clock_of_a_limit_state_runs_from_the_tick_that_saw_it_first() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)))
    shard.apply(quote("10:00:01", 11.0, 11.01), queue=QueueName.QUOTES)
    began_ms = new_york_ms(DAY, "10:00:01")
    row = shard.row()
    assert (row["limit_state_timestamp"], row["limit_pause_timestamp"]) == (began_ms, began_ms + 15_000)

    shard.apply(quote("10:00:05", 11.0, 11.02), queue=QueueName.QUOTES)
    assert shard.row()["limit_state_timestamp"] == began_ms
    successor = shard.succeeded()
    successor.apply(quote("10:00:06", 11.0, 11.01), queue=QueueName.QUOTES)
    assert successor.row()["limit_state_timestamp"] == began_ms

    successor.apply(quote("10:00:07", 10.9, 11.0), queue=QueueName.QUOTES)
    row = successor.row()
    assert (row["limit_state"], row["limit_state_timestamp"], row["limit_pause_timestamp"]) == (0, None, None)


def test_a_halt_ends_the_limit_state() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15))
    shard.apply(quote("10:00:01", 11.0, 11.01), queue=QueueName.QUOTES)
    shard.apply(halt("10:00:16"))
    row = shard.row()
    assert (row["limit_state"], row["limit_state_timestamp"], row["band_distance_pct"]) == (None, None, None)


def test_the_distance_is_that_of_the_newest_price_to_the_nearer_band() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)))
    bar = aggregate_wire("AAA", start_ms=new_york_ms(DAY, "10:00:01"), c=10.0)
    shard.apply(bar, queue=QueueName.AGGREGATE)
    assert shard.row()["band_distance_pct"] == 10.0
    trade = trade_wire("AAA", timestamp_ms=new_york_ms(DAY, "10:00:02"), p=8.0)
    shard.apply(trade, queue=QueueName.TRADES)
    assert shard.row()["band_distance_pct"] == -12.5
    bar = aggregate_wire("AAA", start_ms=new_york_ms(DAY, "10:00:03"), c=10.0)
    shard.apply(bar, queue=QueueName.AGGREGATE)
    assert shard.row()["band_distance_pct"] == 10.0
    late = trade_wire("AAA", timestamp_ms=new_york_ms(DAY, "16:00:00"), p=10.0, q=2)
    shard.apply(late, queue=QueueName.TRADES)
    assert shard.row()["band_distance_pct"] is None, "bands are not in force after the close"


def test_times_are_told_apart_to_the_nanosecond() -> None:
    shard = ShardRig()
    time_ns = OPEN_MS * NS_PER_MS
    shard.apply(
        bands_wire(time_ns=time_ns + 2, bands=(12.0, 9.0), sequence_number=1),
        bands_wire(time_ns=time_ns + 1, bands=(11.0, 9.0), sequence_number=2),
    )
    assert shard.row()["band_high"] == 12.0
