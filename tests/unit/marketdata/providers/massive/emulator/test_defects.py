"""Scenario `bad`: every kind in its number, wrong in just the way it says, beside untouched good events."""

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.providers.massive.emulator.injection import DefectInjector, Injection
from marketdata.providers.massive.emulator.prebuilt import frames_of
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF
from marketdata.providers.massive.emulator.spoilt_events import (
    HUGE_FIELD_BYTES,
    OVERSIZED_FRAME_BYTES,
    OVERSIZED_FRAME_EVENTS,
    SPOILT_EVENTS,
)
from marketdata.synthetic_market.blocks import Block
from marketdata.synthetic_market.defects import Defect, DefectSchedule
from marketdata.synthetic_market.scenarios import SCENARIOS
from tests.unit.marketdata.synthetic_market.markets import market, run

BAD = SCENARIOS["bad"]
START = "2026-11-20T10:30"


def spoilt_minute() -> tuple[list[Block], list[Injection]]:
    of = market(START, scenario=BAD)
    injector = DefectInjector(DefectSchedule(BAD.defects, seed=7, start_ms=of.start_ms))
    blocks: list[Block] = []
    injections: list[Injection] = []
    for _ in range(600):
        of_step = of.step(100)
        injections += injector.step(of_step, of.now_ms)
        blocks += of_step
    return blocks, injections


@pytest.fixture(scope="module")
def minute() -> tuple[list[Block], list[Injection]]:
    return spoilt_minute()


def only(minute: tuple[list[Block], list[Injection]], defect: Defect) -> list[Injection]:
    found = [injection for injection in minute[1] if injection.defect is defect]
    assert found
    return found


def test_every_kind_comes_in_its_number(minute: tuple[list[Block], list[Injection]]) -> None:
    assert set(BAD.defects) == set(SPOILT_EVENTS)
    per_minute = {defect: number // 60 for defect, number in BAD.defects.items()}
    assert Counter(injection.defect for injection in minute[1]) == Counter(per_minute)


@given(
    seed=st.integers(0, 1_000),
    steps_ms=st.lists(st.integers(1, 900_000), min_size=1, max_size=30),
    number=st.integers(1, 900),
)
def test_any_whole_hour_has_each_kinds_number(seed: int, steps_ms: list[int], number: int) -> None:
    schedule = DefectSchedule({Defect.LATE: number}, seed=seed, start_ms=0)
    now_ms = 0
    for step_ms in steps_ms:
        now_ms += step_ms
        schedule.take_due(now_ms)
    in_an_hour = schedule.take_due(now_ms + 3_600_000).get(Defect.LATE, 0)
    assert in_an_hour == number


def test_the_good_events_are_those_of_the_undisturbed_market(
    minute: tuple[list[Block], list[Injection]],
) -> None:
    def rendered(blocks: list[Block]) -> list[bytes]:
        return [frame for block in blocks for frame in frames_of(block, 1_000)]

    assert rendered(minute[0]) == rendered(list(run(market(START), 60)))


def test_riders_are_well_formed_events_of_the_channel_they_ride_in(
    minute: tuple[list[Block], list[Injection]],
) -> None:
    riders = [injection for injection in minute[1] if injection.channel is not None]
    assert {rider.defect for rider in riders} == {
        Defect.LATE,
        Defect.DUPLICATE,
        Defect.OUT_OF_ORDER,
        Defect.RESENT_BAR,
        Defect.NEGATIVE_SIZE,
        Defect.MISSING_SYMBOL,
        Defect.UNKNOWN_EVENT,
    }
    for rider in riders:
        event = json.loads(rider.data)
        assert event["ev"] == ("ZZ" if rider.defect is Defect.UNKNOWN_EVENT else rider.channel)
        assert ("sym" in event) == (rider.defect is not Defect.MISSING_SYMBOL)
        assert (event.get("s", 0) < 0) == (rider.defect is Defect.NEGATIVE_SIZE)


def test_copies_are_of_good_events_and_changed_as_they_say(
    minute: tuple[list[Block], list[Injection]],
) -> None:
    good: dict[str, dict[tuple[str, int], dict[str, Any]]] = {"A": {}, "T": {}}
    for block in minute[0]:
        channel = CHANNEL_OF[block.kind]
        if channel in good:
            for event in json.loads(b"".join(frames_of(block, len(block)))):
                good[channel][event["sym"], event["e"] if channel == "A" else event["q"]] = event
    for injection in only(minute, Defect.DUPLICATE):
        event = json.loads(injection.data)
        assert (
            event == {**good["T"][event["sym"], event["q"]], "c": event.get("c")}
            or event == (good["T"][event["sym"], event["q"]])
        )
    for injection in only(minute, Defect.RESENT_BAR):
        bar = json.loads(injection.data)
        original = good["A"][bar["sym"], bar["e"]]
        assert (bar["s"], bar["av"]) == (original["s"], original["av"])
        assert bar["v"] != original["v"]
        assert bar["l"] <= bar["c"] <= bar["h"]
    for injection in only(minute, Defect.LATE):
        bar = json.loads(injection.data)
        original = good["A"][bar["sym"], bar["e"] + 900_000]
        assert bar["av"] * 2 <= original["av"]
    for injection in only(minute, Defect.OUT_OF_ORDER):
        trade = json.loads(injection.data)
        assert any(
            key[0] == trade["sym"] and original["t"] == trade["t"] + 5_000 and original["p"] == trade["p"]
            for key, original in good["T"].items()
        )


@pytest.mark.parametrize("defect", [Defect.NOT_A_NUMBER, Defect.MALFORMED])
def test_what_is_no_json_is_refused_by_a_strict_decoder(
    minute: tuple[list[Block], list[Injection]], defect: Defect
) -> None:
    for injection in only(minute, defect):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(injection.data)
        assert not injection.is_binary


def test_what_is_no_utf8_goes_out_as_a_binary_frame(minute: tuple[list[Block], list[Injection]]) -> None:
    for injection in only(minute, Defect.INVALID_UTF8):
        assert injection.is_binary
        with pytest.raises(UnicodeDecodeError):
            injection.data.decode()
        (event,) = json.loads(injection.data.decode(errors="replace"))
        assert event["ev"] == "T"


def test_frames_of_another_shape_are_json_all_the_same(
    minute: tuple[list[Block], list[Injection]],
) -> None:
    assert isinstance(json.loads(only(minute, Defect.NOT_AN_ARRAY)[0].data), dict)
    elements = json.loads(only(minute, Defect.NOT_OBJECTS)[0].data)
    assert not any(isinstance(element, dict) for element in elements)


def test_large_input_is_as_large_as_it_says(minute: tuple[list[Block], list[Injection]]) -> None:
    (trade,) = json.loads(only(minute, Defect.HUGE_FIELD)[0].data)
    assert len(trade["sym"]) == HUGE_FIELD_BYTES
    frame = only(minute, Defect.OVERSIZED_FRAME)[0].data
    assert OVERSIZED_FRAME_BYTES <= len(frame) < OVERSIZED_FRAME_BYTES + 1_024
    events = json.loads(frame)
    assert len(events) == OVERSIZED_FRAME_EVENTS
    assert {event["ev"] for event in events} == {"ZZ"}


def test_a_kind_waits_for_an_event_that_it_can_spoil() -> None:
    of = market(START, scenario=BAD)
    injector = DefectInjector(DefectSchedule({Defect.DUPLICATE: 3_600}, seed=7, start_ms=of.start_ms))
    assert injector.step((), of.now_ms + 5_000) == []
    blocks = of.step(100)
    assert len(injector.step(blocks, of.now_ms + 5_000)) == 5
