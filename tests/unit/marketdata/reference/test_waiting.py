"""Whose turn it is to be looked up: what trades most, and by lot anybody."""

import random

from marketdata.reference.waiting import EVENTS, MAX_SYMBOLS_PER_RUN, lookup_order
from tests.support.builders import row_block


def volumes(**shares: float) -> dict[str, dict[str, float]]:
    return {symbol: {"accumulated_volume": volume} for symbol, volume in shares.items()}


def test_the_most_traded_and_the_refused_with_the_most_events_come_first() -> None:
    rows = [row_block(volumes(A=5.0, B=900.0)), None, row_block(volumes(C=70.0, KNOWN=9_000.0))]
    refused = [row_block({"IPO": {EVENTS: 40.0}, "X": {EVENTS: 1.0}}), None]
    order = lookup_order(rows, refused, known={"KNOWN"}, chance=random.Random(1))
    assert order[:2] == ["B", "IPO"]
    assert sorted(order) == ["A", "B", "C", "IPO", "X"]


def test_what_has_no_volume_waits_longest_and_is_not_forgotten() -> None:
    rows = [row_block({"QUOTED": {}, **volumes(A=1.0)})]
    orders = {tuple(lookup_order(rows, (), known=(), chance=random.Random(seed))) for seed in range(20)}
    assert orders == {("A", "QUOTED")}
    assert lookup_order([row_block({"BARE": {}})], (), known=(), chance=random.Random(1)) == ["BARE"]


def invented(count: int) -> dict[str, dict[str, float]]:
    return {f"X{number}": {"accumulated_volume": 1e9 + number} for number in range(count)}


def test_a_real_newcomer_comes_to_its_turn_behind_invented_ones_with_more_volume() -> None:
    rows = [row_block(invented(300) | volumes(IPO=3.0))]
    affordable = 10  # symbols that a run may ask for
    runs = [lookup_order(rows, (), known=(), chance=random.Random(seed)) for seed in range(300)]
    assert any("IPO" in run[:affordable] for run in runs)


def test_a_run_looks_at_a_bounded_number_of_symbols() -> None:
    run = lookup_order([row_block(invented(5_000))], (), known=(), chance=random.Random(1))
    assert len(set(run)) == len(run) == MAX_SYMBOLS_PER_RUN
    assert run[0] == "X4999"
