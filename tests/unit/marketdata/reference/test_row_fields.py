"""A field of a wrong type costs itself, or its row with a reason; never another field or row."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.providers.massive.rest.wire import (
    read_daily_bars,
    read_float_page,
    read_snapshot,
    read_split_page,
    read_ticker_details,
    read_ticker_page,
    read_timed_bars,
)
from marketdata.reference.facts import Snapshot, SnapshotDay

Read = Callable[[bytes], tuple[Sequence[Any], int]]

PRICES = {"o": 20.5, "h": 21.0, "l": 20.0, "c": 20.6, "v": 372.0, "vw": 20.6}
BAR = {"T": "IBM", "t": 1_605_192_894_000, **PRICES}
TICKER = {
    "ticker": "IBM",
    "name": "Machines",
    "type": "CS",
    "primary_exchange": "XNYS",
    "share_class_figi": "BBG001S5S399",
    "last_updated_utc": "2026-11-15T00:00:00Z",
}
FLOAT = {"ticker": "IBM", "free_float": 5.0, "effective_date": "2026-01-02"}
SPLIT = {"ticker": "IBM", "execution_date": "2026-11-16", "split_from": 1.0, "split_to": 4.0}
SNAPSHOT = {"ticker": "IBM", "updated": 1_605_192_894_630_916_600, "day": PRICES, "prevDay": PRICES}


def _page(read: Callable[[bytes], Any]) -> Read:
    def rows(body: bytes) -> tuple[Sequence[Any], int]:
        page = read(body)
        return page.rows, page.rejected

    return rows


KINDS: Mapping[str, tuple[str, Read, dict[str, Any]]] = {
    "daily bar": ("results", read_daily_bars, BAR),
    "bar of a symbol": ("results", lambda body: read_timed_bars(body, "IBM"), BAR),
    "ticker": ("results", _page(read_ticker_page), TICKER),
    "float": ("results", _page(read_float_page), FLOAT),
    "split": ("results", _page(read_split_page), SPLIT),
    "snapshot": ("tickers", read_snapshot, SNAPSHOT),
}
# What the provider's fields are called in `marketdata.reference.facts`, where that is otherwise.
OURS: Mapping[str, set[str]] = {
    "T": {"symbol"},
    "ticker": {"symbol"},
    "t": {"end_ms", "start_ms"},
    "o": {"open"},
    "h": {"high"},
    "l": {"low"},
    "c": {"close"},
    "v": {"volume"},
    "vw": {"vwap"},
    "updated": {"updated_ns"},
    "prevDay": {"previous_day"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def read(kind: str, *rows: dict[str, Any]) -> tuple[Sequence[Any], int]:
    key, reader, _ = KINDS[kind]
    return reader(json.dumps({"status": "OK", key: rows}).encode())


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_value_of_one_field_costs_the_field_or_the_row_with_a_count(
    kind: str, data: st.DataObject
) -> None:
    good = KINDS[kind][2]
    name = data.draw(st.sampled_from(sorted(good)))
    mutated = {**good, name: data.draw(JSON)}

    (whole,), _ = read(kind, good)
    rows, rejected = read(kind, mutated, good)

    assert rows[-1] == whole
    assert len(rows) + rejected == 2
    if len(rows) == 2:
        own = OURS.get(name, {name})
        expected = {key: value for key, value in msgspec.structs.asdict(whole).items() if key not in own}
        assert expected.items() <= msgspec.structs.asdict(rows[0]).items()


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("ticker", {"name": 5}),
        ("ticker", {"last_updated_utc": 1_605_192_894}),
        ("ticker", {"type": ["CS"]}),
        ("daily bar", {"vw": "20.6"}),
        ("daily bar", {"t": None}),
        ("float", {"effective_date": "soon"}),
        ("float", {"effective_date": 20260102}),
    ],
)
def test_a_field_of_a_wrong_type_is_absent_alone(kind: str, wrong: dict[str, Any]) -> None:
    good = KINDS[kind][2]
    without = {name: value for name, value in good.items() if name not in wrong}
    rows, rejected = read(kind, {**good, **wrong}, without)
    assert rejected == 0
    assert rows[0] == rows[1]


def test_a_snapshot_does_without_what_is_null() -> None:
    nulls: list[dict[str, Any]] = [{"updated": None}, {"day": None}, {"day": {**PRICES, "h": "x"}}]
    rows, rejected = read("snapshot", *({**SNAPSHOT, **each} for each in nulls))
    day = SnapshotDay(20.5, 21.0, 20.0, 20.6, 372.0, 20.6)
    time_ns = SNAPSHOT["updated"]
    assert rejected == 0
    assert rows == [
        Snapshot("IBM", 0, day, day),
        Snapshot("IBM", time_ns, SnapshotDay(), day),  # type: ignore[arg-type]
        Snapshot("IBM", time_ns, msgspec.structs.replace(day, high=0.0), day),  # type: ignore[arg-type]
    ]


def test_a_single_ticker_is_read_like_one_of_the_list() -> None:
    body = json.dumps({"status": "OK", "results": {**TICKER, "name": 5}}).encode()
    (listed,), _ = read("ticker", {**TICKER, "name": 5})
    assert read_ticker_details(body, "IBM") == listed
    assert listed.updated == dt.datetime(2026, 11, 15, tzinfo=dt.UTC)
