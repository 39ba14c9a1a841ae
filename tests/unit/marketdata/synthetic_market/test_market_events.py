"""The events of the running market: well formed, in order, and one story with its state."""

import datetime as dt
from collections import Counter, defaultdict
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.providers.massive import wire
from marketdata.providers.massive.decoders import HALT_INDICATOR, REOPENING_INDICATOR
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF, messages_of
from marketdata.providers.massive.emulator.wire import (
    DEFAULT_EVENTS_PER_FRAME,
    MinuteAggregateMessage,
    PriceBandsMessage,
    QuoteMessage,
    SecondAggregateMessage,
    TradeMessage,
    frames,
)
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.universe import build_universe
from tests.unit.marketdata.synthetic_market.markets import BRISK, instant, market, messages, run, universe

START_TIMES = st.sampled_from(["04:00", "07:15", "09:29:58", "09:31", "12:34:56.789", "15:59:58", "18:30"])


def second_aggregates(start: str, seconds: float) -> list[SecondAggregateMessage]:
    found = messages(run(market(start), seconds), "A")
    return [message for message in found if isinstance(message, SecondAggregateMessage)]


@given(START_TIMES)
@settings(max_examples=7, deadline=None)
def test_aggregates_are_well_formed_and_their_volume_never_falls(start: str) -> None:
    aggregates = second_aggregates(f"2026-11-20T{start}", 4)
    assert aggregates
    volume_before: dict[str, int] = {}
    for bar in aggregates:
        assert bar.l <= min(bar.o, bar.c) <= max(bar.o, bar.c) <= bar.h
        assert bar.l <= bar.vw <= bar.h
        assert bar.e == bar.s + 1_000
        assert bar.v > 0
        if bar.sym in volume_before:
            assert bar.av == volume_before[bar.sym] + bar.v
        volume_before[bar.sym] = bar.av
        assert (bar.dv, bar.dav) == (f"{bar.v}.0", f"{bar.av}.0")
    ends = [bar.e for bar in aggregates]
    assert ends == sorted(ends)


@given(START_TIMES)
@settings(max_examples=7, deadline=None)
def test_every_event_passes_the_platforms_own_types_in_order_of_time(start: str) -> None:
    decoder = msgspec.json.Decoder(list[wire.Aggregate | wire.Trade | wire.Quote | wire.PriceBands])
    newest: defaultdict[type, int] = defaultdict(int)
    for block in run(market(f"2026-11-20T{start}"), 2.5):
        for frame in frames(messages_of(block)):
            for event in decoder.decode(frame):
                time = (
                    event.timestamp_ns
                    if isinstance(event, wire.PriceBands)
                    else (event.end_timestamp if isinstance(event, wire.SecondAggregate) else event.timestamp)
                )
                assert time >= newest[type(event)]
                newest[type(event)] = time


def test_the_same_seed_and_start_give_the_same_bytes() -> None:
    def everything() -> list[bytes]:
        steps = run(market("2026-11-20T09:31"), 2)
        return [frame for block in steps for frame in frames(messages_of(block))]

    first = everything()
    assert first == everything()
    assert first


def test_a_later_start_finds_the_state_that_an_earlier_one_reaches() -> None:
    early, late = market("2026-11-20T10:00"), market("2026-11-20T10:05")
    for _ in run(early, 300, step_ms=1_000):
        pass
    traded = early.state.accumulated_volume > 20_000
    assert traded.sum() > 100
    volumes = early.state.accumulated_volume[traded] / late.state.accumulated_volume[traded]
    assert np.quantile(np.abs(volumes - 1), 0.9) < 0.05
    last = early.state.last_price[traded] / late.state.last_price[traded]
    assert np.quantile(np.abs(last - 1), 0.9) < 0.02


def test_the_official_open_is_absent_until_the_open() -> None:
    before = second_aggregates("2026-11-20T09:29:50", 5)
    after = second_aggregates("2026-11-20T09:30:00", 5)
    assert {bar.op for bar in before} == {None}
    assert b'"op"' not in next(frames(before))
    opened = market("2026-11-20T09:30:00").path.official_open
    assert all(bar.op == opened[universe().index[bar.sym]] for bar in after)


def test_a_minute_aggregate_sums_up_the_seconds_of_its_minute() -> None:
    blocks = list(run(market("2026-11-20T10:00:00"), 64))
    seconds = [bar for bar in messages(iter(blocks), "A") if isinstance(bar, SecondAggregateMessage)]
    minutes = [bar for bar in messages(iter(blocks), "AM") if isinstance(bar, MinuteAggregateMessage)]
    start, end = instant("2026-11-20T10:00"), instant("2026-11-20T10:01")
    of_minute: defaultdict[str, list[SecondAggregateMessage]] = defaultdict(list)
    for bar in seconds:
        if bar.e <= end:
            of_minute[bar.sym].append(bar)
    assert {bar.sym for bar in minutes} == set(of_minute)
    for minute in minutes:
        parts = of_minute[minute.sym]
        assert (minute.s, minute.e) == (start, end)
        assert minute.v == sum(part.v for part in parts)
        assert minute.av == parts[-1].av
        assert (minute.o, minute.c) == (parts[0].o, parts[-1].c)
        assert minute.h == max(part.h for part in parts)
        assert minute.l == min(part.l for part in parts)


def test_a_halt_is_17_then_silence_then_18_five_minutes_later_with_bands() -> None:
    of = market("2026-11-20T09:32")
    blocks = list(run(of, 8 * 60, step_ms=1_000))
    bands = [message for message in messages(iter(blocks), "LULD") if isinstance(message, PriceBandsMessage)]
    halt = next(message for message in bands if message.i == (HALT_INDICATOR,))
    assert (halt.h, halt.l) == (0, 0)
    of_symbol = [message for message in bands if message.T == halt.T]
    reopening = next(message for message in of_symbol if message.i == (REOPENING_INDICATOR,))
    assert reopening.t - halt.t == 300 * 10**9
    assert reopening.h > reopening.l > 0
    assert universe().tape[universe().index[halt.T]] == 3
    # Held bars and the step in which the pause begins may still carry what was before it.
    silent = range(halt.t // 10**6 + 2_000, reopening.t // 10**6)
    assert not [
        t
        for t in messages(iter(blocks), "T")
        if isinstance(t, TradeMessage) and t.sym == halt.T and t.t in silent
    ]
    assert not [
        a
        for a in messages(iter(blocks), "A")
        if isinstance(a, SecondAggregateMessage) and a.sym == halt.T and a.e in silent
    ]


def test_quotes_are_never_crossed_and_have_scalar_conditions() -> None:
    quotes = [
        quote
        for quote in messages(run(market("2026-11-20T11:00"), 2), "Q")
        if isinstance(quote, QuoteMessage)
    ]
    assert quotes
    assert all(0 < quote.bp < quote.ap for quote in quotes)
    assert {type(quote.c) for quote in quotes} == {int, type(None)}
    assert b'"as":' in next(frames(quotes))


def test_trades_have_conditions_by_session_and_absent_ones_when_plain() -> None:
    extended = [t for t in messages(run(market("2026-11-20T08:00"), 2), "T") if isinstance(t, TradeMessage)]
    assert all(trade.c and 12 in trade.c for trade in extended)
    regular = [t for t in messages(run(market("2026-11-20T11:00"), 4), "T") if isinstance(t, TradeMessage)]
    assert not [trade for trade in regular if trade.c and 12 in trade.c]
    plain = [trade for trade in regular if trade.c is None]
    assert plain
    assert b'"c":' not in next(frames(plain))
    assert all((trade.x == 4) == (trade.trfi is not None) == (trade.trft is not None) for trade in regular)
    assert all(trade.ds is not None for trade in regular if trade.s == 0)
    numbers = [trade.q for trade in regular]
    assert all(one < other for one, other in pairwise(numbers))


def test_the_mix_is_what_was_asked_for() -> None:
    counts: Counter[str] = Counter()
    for block in run(market("2026-11-20T11:00:00"), 10):
        counts[CHANNEL_OF[block.kind]] += len(block)
    assert counts["T"] == pytest.approx(10 * BRISK.trades_per_second, rel=0.01)
    assert counts["Q"] == pytest.approx(10 * BRISK.quotes_per_second, rel=0.01)
    # Nine seconds have ended by then: a bar comes after its second.
    assert counts["A"] == pytest.approx(9 * BRISK.aggregates_per_second, rel=0.1)
    assert counts["LULD"] == pytest.approx(10 * BRISK.price_bands_per_second, rel=0.05)


def test_at_a_higher_speed_the_rates_of_real_time_stay() -> None:
    counts: Counter[str] = Counter()
    for block in run(market("2026-11-20T11:00:00", speed=60), 60, step_ms=6_000):
        counts[CHANNEL_OF[block.kind]] += len(block)
    assert counts["T"] == pytest.approx(BRISK.trades_per_second, rel=0.02)
    assert counts["A"] == pytest.approx(BRISK.aggregates_per_second, rel=0.25)


def test_a_profile_that_follows_the_session_is_quiet_before_the_open() -> None:
    rates = msgspec.structs.replace(BRISK, follows_session=True)
    before = len(messages(run(market("2026-11-20T08:00", rates), 4), "T"))
    opening = len(messages(run(market("2026-11-20T09:30", rates), 4), "T"))
    assert opening > 5 * before > 0


def test_the_day_rolls_over_to_the_next_session_without_the_night() -> None:
    of = market("2026-11-25T19:59:59")
    volume = of.state.accumulated_volume.copy()
    for _ in run(of, 1.2):
        pass
    assert of.day.date.isoformat() == "2026-11-27"
    assert of.calendar.local_time(of.now_ms).strftime("%H:%M") == "04:00"
    assert of.state.accumulated_volume.sum() < volume.sum() / 100
    assert not np.isfinite(of.state.high).any()


def test_no_held_bar_is_lost_at_the_end_of_the_day() -> None:
    blocks = run(market("2026-11-20T19:59:58.500"), 1.5)
    ends = {bar.e for bar in messages(blocks, "A") if isinstance(bar, SecondAggregateMessage)}
    assert instant("2026-11-20T20:00") in ends


@pytest.mark.parametrize("start", ["2026-11-25T22:00", "2026-11-26T12:00", "2026-11-27T02:00"])
def test_a_start_in_the_night_or_on_a_holiday_means_the_next_session(start: str) -> None:
    assert market(start).now_ms == instant("2026-11-27T04:00")


def test_after_an_early_close_trading_is_after_hours_until_five() -> None:
    of = market("2026-11-27T16:59:59")
    trades = [t for t in messages(run(of, 0.9), "T") if isinstance(t, TradeMessage)]
    assert trades
    assert all(trade.c and 12 in trade.c for trade in trades)
    for _ in run(of, 0.5):
        pass
    assert of.day.date.isoformat() == "2026-11-30"


def test_frames_hold_several_events_and_stay_far_below_a_mebibyte() -> None:
    rates = Rates(
        aggregates_per_second=0, trades_per_second=40_000, quotes_per_second=0, follows_session=False
    )
    block = next(iter(run(market("2026-11-20T11:00", rates), 0.1)))
    rendered = list(frames(messages_of(block)))
    assert [len(msgspec.json.decode(frame)) for frame in rendered] == [DEFAULT_EVENTS_PER_FRAME] * 4
    assert max(map(len, rendered)) < 1 << 19


def test_test_issues_trade_at_ten_times_their_close_on_every_day() -> None:
    of = market("2026-11-23T19:59:00")
    rows = [universe().index[symbol] for symbol in ("ZVZZT", "NTEST.A")]
    for _ in range(2):
        fair = of.path.prices_at(of.day.regular_close_ms)[rows]
        np.testing.assert_allclose(fair / of.path.official_close[rows], 10, rtol=0.01)
        for _ in run(of, 70, step_ms=1_000):
            pass
    assert of.day.date.isoformat() == "2026-11-24"
    np.testing.assert_array_equal(of.path.previous_close, of.prices.closes(dt.date(2026, 11, 23)))


def test_nearly_all_symbols_are_drawn_as_if_there_were_no_test_issues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_them = build_universe(7, 11_000)
    monkeypatch.setattr("marketdata.synthetic_market.universe._TEST_ISSUES", ())
    without = build_universe(7, 11_000)
    pairs = zip(with_them.symbols, without.symbols, strict=True)
    assert {one for one, other in pairs if one != other} == {"ZVZZT", "NTEST.A"}
    np.testing.assert_array_equal(with_them.base_price, without.base_price)
