"""Scenario `hostile`: every kind comes, is odd in just the way it says, and leaves the market as it is."""

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from marketdata.providers.massive.emulator.hostile_events import (
    HOSTILE_EVENTS,
    INVENTED_AT_ONCE,
    SUB_PENNY,
    SUB_PENNY_PRICE,
    TEST_ISSUE,
    TEST_ISSUE_CLOSE,
    invented_symbols,
)
from marketdata.providers.massive.emulator.injection import CROWD_EVENTS, DefectInjector, Injection
from marketdata.providers.massive.emulator.prebuilt import frames_of
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF
from marketdata.providers.massive.emulator.spoilt_events import SPOILT_EVENTS
from marketdata.providers.massive.wire import EventType
from marketdata.synthetic_market.blocks import Block
from marketdata.synthetic_market.defects import Defect, DefectSchedule
from marketdata.synthetic_market.scenarios import SCENARIOS
from tests.unit.marketdata.synthetic_market.markets import market, run, universe

HOSTILE = SCENARIOS["hostile"]
START = "2026-11-20T10:30"
SECONDS = 120
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NS_PER_MS = 1_000_000
STEP_MS = 100

Spoilt = tuple[list[Block], list[tuple[int, Injection]]]


@pytest.fixture(scope="module")
def spoilt() -> Spoilt:
    """Two minutes, with everything sixty times as often as in the scenario; injections with their time."""
    of = market(START, scenario=HOSTILE)
    often = {kind: min(3_600, number * 60) for kind, number in HOSTILE.defects.items()}
    often[Defect.OVERSIZED_FRAME] = 60
    injector = DefectInjector(DefectSchedule(often, seed=7, start_ms=of.start_ms))
    blocks: list[Block] = []
    injections: list[tuple[int, Injection]] = []
    for _ in range(SECONDS * 1_000 // STEP_MS):
        of_step = of.step(STEP_MS)
        injections += [(of.now_ms, injection) for injection in injector.step(of_step, of.now_ms)]
        blocks += of_step
    return blocks, injections


def events(spoilt: Spoilt, defect: Defect) -> list[tuple[int, dict[str, Any]]]:
    """The events of a kind, with the time at which they were sent."""
    found: list[tuple[int, dict[str, Any]]] = []
    for now_ms, injection in spoilt[1]:
        if injection.defect is defect:
            told = json.loads(injection.data)
            found += [(now_ms, event) for event in (told if isinstance(told, list) else [told])]
    assert found
    return found


def good(spoilt: Spoilt, channel: str) -> list[dict[str, Any]]:
    told = [
        json.loads(frame)
        for block in spoilt[0]
        if CHANNEL_OF[block.kind] == channel
        for frame in frames_of(block, 1_000)
    ]
    return [event for frame in told for event in frame]


def time_ms(event: dict[str, Any]) -> int:
    if event["ev"] in {"A", "AM"}:
        return int(event["e"]) - 1
    return int(event["t"]) // (NS_PER_MS if event["ev"] == "LULD" else 1)


def test_every_kind_that_there_is_comes_in_the_scenario(spoilt: Spoilt) -> None:
    assert set(HOSTILE.defects) == set(Defect) == {*SPOILT_EVENTS, *HOSTILE_EVENTS}
    assert set(Counter(injection.defect for _, injection in spoilt[1])) == set(Defect)


def test_the_good_events_are_those_of_the_undisturbed_market(spoilt: Spoilt) -> None:
    def rendered(blocks: list[Block]) -> list[bytes]:
        return [frame for block in blocks for frame in frames_of(block, 1_000)]

    assert rendered(spoilt[0]) == rendered(list(run(market(START), SECONDS, STEP_MS)))


def test_what_a_reader_can_count_of_an_injection_is_told(spoilt: Spoilt) -> None:
    for _, injection in spoilt[1]:
        if injection.defect in {Defect.CROWD_TOMORROW, Defect.CROWD_LATER, Defect.INVENTED_SYMBOLS}:
            assert injection.pieces == len(json.loads(injection.data))
        else:
            assert injection.pieces == 1


@pytest.mark.parametrize(
    ("defect", "channel", "ahead_ms"),
    [
        (Defect.AHEAD_TRADE, "T", 2 * DAY_MS),
        (Defect.AHEAD_BAR, "A", DAY_MS),
        (Defect.AHEAD_QUOTE, "Q", 4 * HOUR_MS),
        (Defect.AHEAD_BANDS, "LULD", 10 * DAY_MS),
        (Defect.YESTERDAY, "A", -DAY_MS),
    ],
)
def test_a_single_stamp_is_as_far_off_as_it_says(
    spoilt: Spoilt, defect: Defect, channel: str, ahead_ms: int
) -> None:
    for now_ms, event in events(spoilt, defect):
        assert event["ev"] == channel
        assert abs(time_ms(event) - now_ms - ahead_ms) < 5_000


@pytest.mark.parametrize(
    ("defect", "ahead_ms"), [(Defect.CROWD_TOMORROW, DAY_MS), (Defect.CROWD_LATER, 4 * HOUR_MS)]
)
def test_a_crowd_is_many_symbols_of_every_channel_with_the_same_wrong_clock(
    spoilt: Spoilt, defect: Defect, ahead_ms: int
) -> None:
    crowd = events(spoilt, defect)
    assert all(abs(time_ms(event) - now_ms - ahead_ms) < 65_000 for now_ms, event in crowd)
    assert {"A", "T", "Q"} <= {event["ev"] for _, event in crowd}
    frames = [json.loads(injection.data) for _, injection in spoilt[1] if injection.defect is defect]
    assert max(len({event.get("sym") for event in frame}) for frame in frames) > 20
    assert all(len(frame) <= CROWD_EVENTS for frame in frames)


def test_a_bar_that_starts_ahead_has_a_right_end(spoilt: Spoilt) -> None:
    for now_ms, event in events(spoilt, Defect.START_AHEAD):
        assert abs(time_ms(event) - now_ms) < 5_000
        assert event["s"] - event["e"] == 4 * HOUR_MS - 1_000


def test_wrong_units_and_wrong_centuries_are_what_they_say(spoilt: Spoilt) -> None:
    for now_ms, event in events(spoilt, Defect.TIME_IN_SECONDS):
        assert abs(event["t"] * 1_000 - now_ms) < 5_000
    for now_ms, event in events(spoilt, Defect.TIME_IN_NANOSECONDS):
        assert abs(event["t"] // NS_PER_MS - now_ms) < 5_000
    for now_ms, event in events(spoilt, Defect.BANDS_IN_MILLISECONDS):
        assert (event["ev"], abs(event["t"] - now_ms) < 5_000) == ("LULD", True)
    assert {event["t"] for _, event in events(spoilt, Defect.YEAR_1970)} == {1}
    assert {event["t"] // (365 * DAY_MS) for _, event in events(spoilt, Defect.YEAR_2100)} == {130}


@pytest.mark.parametrize(
    "defect", [Defect.NAN_BESIDE, Defect.INFINITY_BESIDE, Defect.HUGE_NUMBER, Defect.DEEP_NESTING]
)
def test_what_no_strict_decoder_takes_rides_with_good_events(spoilt: Spoilt, defect: Defect) -> None:
    found = [injection for _, injection in spoilt[1] if injection.defect is defect]
    assert found
    for injection in found:
        assert injection.channel in {"T", "Q"}
        with pytest.raises((msgspec.MsgspecError, RecursionError)):
            msgspec.json.decode(injection.data)


def test_types_are_wrong_where_they_say_so(spoilt: Spoilt) -> None:
    assert all(isinstance(event["p"], str) for _, event in events(spoilt, Defect.TEXT_FOR_NUMBER))
    assert all(event["sym"] == 7 for _, event in events(spoilt, Defect.NUMBER_FOR_SYMBOL))
    assert all(event["ev"] == 7 for _, event in events(spoilt, Defect.NUMBER_FOR_TYPE))
    nulls = events(spoilt, Defect.UNREAD_NULLS)
    assert all([event[name] for name in "ixzqc"] == [None] * 5 for _, event in nulls)
    for _, event in events(spoilt, Defect.UNREAD_TYPES):
        assert isinstance(event["i"], int)
        assert isinstance(event["pt"], str)


def test_statuses_are_odd_in_three_ways(spoilt: Spoilt) -> None:
    assert all("status" not in event for _, event in events(spoilt, Defect.STATUS_WITHOUT_NAME))
    assert all(isinstance(event["status"], int) for _, event in events(spoilt, Defect.STATUS_OF_NUMBERS))
    heard = events(spoilt, Defect.UNHEARD_STATUS)
    assert all((event["ev"], event["status"]) == ("status", "tea_time") for _, event in heard)


def test_prints_differ_from_good_ones_by_one_thing_alone(spoilt: Spoilt) -> None:
    trades = {(event["sym"], event["q"]): event for event in good(spoilt, "T")}
    for defect, name in ((Defect.OTHER_ID, "i"), (Defect.OTHER_EXCHANGE, "x"), (Defect.OTHER_TAPE, "z")):
        for _, event in events(spoilt, defect):
            original = trades[event["sym"], event["q"]]
            assert {key for key in event if event[key] != original[key]} == {name}


def test_bars_lack_their_average_size_and_halts_their_bands(spoilt: Spoilt) -> None:
    bars = {(event["sym"], event["s"]): event for event in good(spoilt, "A")}
    for _, event in events(spoilt, Defect.BAR_WITHOUT_AVERAGE):
        original = dict(bars[event["sym"], event["s"]])
        del original["z"]
        assert event == original
    with_null, without = (
        [event for _, event in events(spoilt, defect)]
        for defect in (Defect.HALT_WITH_NULL_BANDS, Defect.HALT_WITHOUT_BANDS)
    )
    assert all((event["h"], event["l"], event["i"]) == (None, None, [17]) for event in with_null)
    assert all(event["i"] == [17] and not {"h", "l"} & event.keys() for event in without)


def test_no_two_halts_of_a_symbol_have_the_same_time(spoilt: Spoilt) -> None:
    halts = [*events(spoilt, Defect.HALT_WITH_NULL_BANDS), *events(spoilt, Defect.HALT_WITHOUT_BANDS)]
    times = [(event["T"], event["t"]) for _, event in halts]
    bands = {(event["T"], event["t"]) for event in good(spoilt, "LULD")}
    assert len(set(times)) == len(times)
    assert not bands & set(times)


@pytest.mark.parametrize(
    ("defect", "odd"),
    [
        (Defect.CONTROL_IN_SYMBOL, "\0\n\x16\x7f"),
        (Defect.BLANK_IN_SYMBOL, " "),
        (Defect.MARKUP_IN_SYMBOL, '<&"'),
        (Defect.INVISIBLE_IN_SYMBOL, "\u200b\u202e\u2066\ufeff"),
    ],
)
def test_odd_symbols_have_one_odd_character_each_and_all_of_them_come(
    spoilt: Spoilt, defect: Defect, odd: str
) -> None:
    found = {event["sym"] for _, event in events(spoilt, defect)}
    assert all(set(symbol) & set(odd) for symbol in found)
    assert set(odd) <= set("".join(found))


def test_invented_symbols_are_new_each_time_and_nobody_lists_them(spoilt: Spoilt) -> None:
    found = [event["sym"] for _, event in events(spoilt, Defect.INVENTED_SYMBOLS)]
    assert len(found) == len(set(found)) >= 100 * INVENTED_AT_ONCE
    assert not set(found) & set(universe().symbols)
    assert found == [
        symbol for number in range(len(found) // INVENTED_AT_ONCE) for symbol in invented_symbols(number)
    ]


def test_the_test_issue_stands_at_ten_times_its_close_and_the_penny_share_below_a_cent(
    spoilt: Spoilt,
) -> None:
    for _, event in events(spoilt, Defect.TEST_ISSUE_BAR):
        assert (event["sym"], event["c"]) == (TEST_ISSUE, 10 * TEST_ISSUE_CLOSE)
        assert event["l"] <= event["o"] <= event["c"] <= event["h"]
    for _, event in events(spoilt, Defect.TEST_ISSUE_TRADE):
        assert (event["sym"], event["p"]) == (TEST_ISSUE, 10 * TEST_ISSUE_CLOSE)
    for _, event in events(spoilt, Defect.SUB_PENNY_BAR):
        assert (event["sym"], event["c"], event["l"]) == (SUB_PENNY, SUB_PENNY_PRICE, SUB_PENNY_PRICE)
    assert {event["p"] for _, event in events(spoilt, Defect.SUB_PENNY_TRADE)} == {SUB_PENNY_PRICE}


def test_events_of_known_types_ride_in_the_channel_of_their_type(spoilt: Spoilt) -> None:
    types = {kind.value for kind in EventType}
    for _, injection in spoilt[1]:
        if injection.channel is not None and injection.defect not in {
            Defect.NAN_BESIDE,
            Defect.INFINITY_BESIDE,
            Defect.DEEP_NESTING,
        }:
            event = json.loads(injection.data)
            assert event["ev"] not in types or event["ev"] == injection.channel
