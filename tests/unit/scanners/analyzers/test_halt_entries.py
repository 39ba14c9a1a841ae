"""The stream of halts: each halt and each end once, with what was known when its message arrived."""

from collections.abc import Sequence
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.store.shard_state import Checkpoint
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
from scanners.registry import routes, schema
from tests.oracle.halts import halt_lines
from tests.oracle.simulated_days import oracle_day
from tests.support.builders import aggregate_wire, new_york_ms, quote_wire, row_block, trade_wire, whole_of
from tests.unit.scanners.analyzers.halted_shards import (
    DAY,
    NEXT_DAY,
    SYMBOLS,
    Entry,
    ShardRig,
    Wire,
    any_message,
    at,
    bands_wire,
    distinct,
    halt,
)

RESUMPTION, HALT, ENDED_UNSEEN = range(3)
(HALT_STREAM,) = (stream for stream in schema(routes()).streams if stream.feed == "halts")
OWN: Final = tuple(column.name for column in HALT_STREAM.columns)


def ms(time_of_day: str) -> int:
    return new_york_ms(DAY, time_of_day)


def resumption(time_of_day: str) -> Wire:
    return at(time_of_day, 18, bands=(12.0, 10.0))


def told(shard: ShardRig, *columns: str) -> list[tuple[str | float | None, ...]]:
    """The entries so far, in the given columns."""
    shard.publish()
    return [tuple(entry[name] for name in columns) for entry in shard.entries]


def expected(messages: Sequence[Wire], symbol: str) -> list[Entry]:
    own = [message for message in messages if message["T"] == symbol]
    return [msgspec.structs.asdict(line) for line in halt_lines(own, day=oracle_day(DAY))]


def own_columns(entries: Sequence[Entry], symbol: str) -> list[Entry]:
    return [{name: entry[name] for name in OWN} for entry in entries if entry["symbol"] == symbol]


@given(drawn=st.lists(any_message(), min_size=1, max_size=16), data=st.data())
def test_entries_depend_on_the_order_of_arrival_alone_over_groups_owners_and_redelivery(
    drawn: list[Wire], data: st.DataObject
) -> None:
    messages = distinct(drawn)
    repeated = messages + data.draw(st.lists(st.sampled_from(messages), max_size=10))
    arrived = data.draw(st.permutations(repeated))
    shard = ShardRig()
    size = data.draw(st.integers(1, 10))
    for first in range(0, len(arrived), size):
        shard.apply(*arrived[first : first + size])
        if data.draw(st.booleans()):
            shard = shard.succeeded()
            shard.apply(*arrived[data.draw(st.integers(0, first)) : first + size])
    shard.publish()
    for symbol in SYMBOLS:
        assert own_columns(shard.entries, symbol) == expected(arrived, symbol)


@given(drawn=st.lists(any_message(), min_size=1, max_size=16), data=st.data())
def test_every_halt_and_resumption_has_one_entry_in_whatever_order_they_arrive(
    drawn: list[Wire], data: st.DataObject
) -> None:
    shard = ShardRig()
    shard.apply(*data.draw(st.permutations(drawn)))
    kinds = {17: HALT, 18: RESUMPTION}
    known = {(each["T"], kinds[each["i"][0]], each["t"]) for each in drawn if each["i"][0] in kinds}
    right = sorted((symbol, kind, time_ns // NS_PER_MS) for symbol, kind, time_ns in known)
    found = told(shard, "symbol", "kind", "timestamp")
    assert sorted(entry for entry in found if entry[1] != ENDED_UNSEEN) == right


def test_a_halt_and_its_resumption_have_their_times_bands_and_the_price() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)))
    bar = aggregate_wire("AAA", start_ms=ms("10:00:58"), c=10.9)
    shard.apply(bar, queue=QueueName.AGGREGATE)
    shard.apply(trade_wire("AAA", timestamp_ms=ms("10:00:59"), p=11.0), queue=QueueName.TRADES)
    shard.apply(halt("10:01:00"))
    shard.publish()
    shard.apply(resumption("10:06:00"))
    shard.publish()
    began, ended = shard.entries
    price = {"close": 10.9, "last_price": 11.0, "last_timestamp": ms("10:00:59")}
    assert (
        began.items()
        >= {
            "symbol": "AAA",
            "kind": HALT,
            "timestamp": ms("10:01:00"),
            "halt_began_timestamp": ms("10:01:00"),
            "halt_reason": 1,
            "event_band_high": 11.0,
            "event_band_low": 9.0,
            **price,
        }.items()
    )
    assert (
        ended.items()
        >= {
            "kind": RESUMPTION,
            "timestamp": ms("10:06:00"),
            "halt_began_timestamp": ms("10:01:00"),
            "halt_reason": 1,
            "event_band_high": 12.0,
            "event_band_low": 10.0,
            **price,
        }.items()
    )
    assert tuple(began) == ("symbol", *HALT_STREAM.entry_columns)


@pytest.mark.parametrize("time_of_day", ["08:00:00", "16:00:00"])
def test_a_halt_outside_the_regular_session_and_its_end_are_no_limit_pause(time_of_day: str) -> None:
    shard = ShardRig()
    shard.apply(halt(time_of_day), resumption("16:30:00"))
    assert told(shard, "kind", "halt_reason") == [(HALT, 0), (RESUMPTION, 0)]


def test_trading_that_is_seen_ends_a_halt_once_and_a_resumption_that_comes_later_has_its_own_entry() -> None:
    shard = ShardRig()
    shard.apply(halt("10:01:00"), at("10:07:00", 16), at("10:07:01", 15), at("10:07:00", 16))
    seen = (ENDED_UNSEEN, ms("10:07:00"), ms("10:01:00"))
    assert told(shard, "kind", "timestamp", "halt_began_timestamp")[1:] == [seen]
    successor = shard.succeeded()
    successor.apply(at("10:07:00", 16), resumption("10:06:00"))
    late = (RESUMPTION, ms("10:06:00"), ms("10:01:00"))
    assert told(successor, "kind", "timestamp", "halt_began_timestamp")[1:] == [seen, late]


def test_trading_that_was_before_a_halt_does_not_end_it() -> None:
    shard = ShardRig()
    shard.apply(halt("10:01:00"))
    shard.publish()
    shard.apply(at("10:00:59", 16))
    assert told(shard, "kind") == [(HALT,)]


def test_bands_limit_states_and_collars_are_no_entries() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)), at("10:00:30", 22), at("10:00:40", 20))
    quote = quote_wire("AAA", timestamp_ms=ms("10:01:00"), bp=11.0, ap=11.01)
    shard.apply(quote, queue=QueueName.QUOTES)
    assert shard.row()["limit_state"] == 1
    assert shard.entries == []


def test_a_late_halt_shows_no_bands_that_came_after_it() -> None:
    shard = ShardRig()
    shard.apply(resumption("10:06:00"), halt("10:01:00"))
    columns = ("kind", "halt_began_timestamp", "halt_reason", "event_band_high")
    assert told(shard, *columns) == [
        (RESUMPTION, None, None, 12.0),
        (HALT, ms("10:01:00"), 1, None),
    ]


def test_an_entry_whose_tick_was_not_stored_is_published_by_the_next_owner_once() -> None:
    shard = ShardRig()
    shard.apply(at("10:00:00", 15, bands=(11.0, 9.0)))
    shard.core.checkpoint.store_anew()
    stored = shard.publish()
    shard.apply(halt("10:01:00"))
    shard.core.tick(published_ns=2)  # made, and lost with its process

    successor = ShardRig(epoch=2)
    successor.core.restore(Checkpoint(whole_of(stored), stored.private_columns))
    successor.apply(at("10:00:00", 15, bands=(11.0, 9.0)), halt("10:01:00"))
    assert told(successor, "kind", "event_band_high") == [(HALT, 11.0)]
    successor = successor.succeeded()
    successor.apply(halt("10:01:00"))
    assert len(told(successor)) == 1


def test_of_many_halts_each_is_told_once() -> None:
    shard = ShardRig()
    halts = [halt(f"10:{minute:02}:00") for minute in range(20)]
    for each in halts:
        shard.apply(each)
    assert len(told(shard)) == len(halts)
    shard.apply(*halts)
    assert len(told(shard)) == len(halts)


def test_a_resumption_of_the_next_day_knows_nothing_of_yesterdays_halt() -> None:
    shard = ShardRig()
    shard.core.apply_reference(row_block({"AAA": {}}))
    shard.apply(halt("10:00:00"))
    time_ns = new_york_ms(NEXT_DAY, "04:00:01") * NS_PER_MS
    shard.apply(bands_wire(time_ns=time_ns, indicators=[18]))
    columns = ("kind", "halt_began_timestamp", "halt_reason")
    assert told(shard, *columns)[1:] == [(RESUMPTION, None, None)]
