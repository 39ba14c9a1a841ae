"""The provider's REST answers: read, bounded, and its refusals understood."""

import contextlib
import datetime as dt
import functools
import json
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.providers.massive.rest.envelope import error_from_answer
from marketdata.providers.massive.rest.market_status import read_market_status
from marketdata.providers.massive.rest.wire import (
    read_daily_bars,
    read_float_page,
    read_minute_volumes,
    read_snapshot,
    read_split_page,
    read_ticker_details,
    read_ticker_page,
    read_timed_bars,
)
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Split, TimedBar
from marketdata.reference.tickers import Ticker

BAR = {"T": "IBM", "o": 1, "h": 3.5, "l": 0.5, "c": 2, "v": 1234.5, "vw": 1.9, "t": 1, "n": 9}


def answer(**fields: object) -> bytes:
    return json.dumps({"status": "OK", "request_id": 7} | fields).encode()


def test_the_market_time_respects_the_offset() -> None:
    answer = read_market_status(b'{"serverTime":"2020-11-10T17:37:37-05:00"}')
    assert answer.market_time_ms == 1_605_047_857_000


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"serverTime":"2020-11-10T17:37:37"}', b'{"serverTime":1}']
)
def test_a_market_time_without_zone_or_sense_is_an_error(body: bytes) -> None:
    with pytest.raises(ContentError, match="market_status"):
        read_market_status(body)


def test_a_day_without_trading_has_no_results_at_all() -> None:
    assert read_daily_bars(answer(resultsCount=0)) == ([], 0)


def test_bars_are_read_and_a_missing_vwap_is_absent() -> None:
    bars, rejected = read_daily_bars(answer(results=[BAR, {**BAR, "T": "X", "vw": None}]))

    assert bars == [
        DailyBar("IBM", 1.0, 3.5, 0.5, 2.0, 1234.5, 1.9, 1),
        DailyBar("X", 1.0, 3.5, 0.5, 2.0, 1234.5, None, 1),
    ]
    assert rejected == 0


@pytest.mark.parametrize(
    "wrong", [{"c": -1}, {"c": "2"}, {"v": -5}, {"T": ""}, {"T": None}, {"o": None}, {"h": 1e12}]
)
def test_a_row_out_of_bounds_is_left_out_alone(wrong: dict[str, object]) -> None:
    bars, rejected = read_daily_bars(answer(results=[{**BAR, **wrong}, BAR]))

    assert [bar.symbol for bar in bars] == ["IBM"]
    assert rejected == 1


def test_a_page_of_floats_names_the_parameters_of_the_next() -> None:
    page = read_float_page(
        answer(
            results=[{"ticker": "IBM", "free_float": 5, "effective_date": "2026-01-02"}, {"ticker": "X"}],
            next_url="https://elsewhere.example/stocks/vX/float?cursor=abc%3D&limit=5000",
        )
    )

    assert page.rows == [Float("IBM", 5.0, dt.date(2026, 1, 2))]
    assert page.rejected == 1
    assert page.next_parameters == {"cursor": "abc=", "limit": "5000"}
    assert read_float_page(answer(results=[])).next_parameters is None


def test_a_page_of_tickers_has_rows_without_name_type_or_exchange() -> None:
    page = read_ticker_page(
        answer(
            results=[
                {
                    "ticker": "IBM",
                    "name": "Machines",
                    "type": "CS",
                    "primary_exchange": "XNYS",
                    "active": True,
                },
                {"ticker": "X", "type": None},
                {"name": "no ticker"},
            ]
        )
    )

    assert page.rows == [ListedTicker("IBM", "Machines", "CS", "XNYS"), ListedTicker("X")]
    assert [row.facts() for row in page.rows] == [Ticker("Machines", "CS", "XNYS"), Ticker("", "", "")]
    assert page.rejected == 1


def test_a_split_without_sense_is_left_out() -> None:
    split = {"ticker": "IBM", "execution_date": "2026-11-16", "split_from": 1, "split_to": 4, "id": "x"}
    wrong: list[dict[str, object]] = [
        {"split_from": 0},
        {"split_to": -1},
        {"execution_date": "soon"},
        {"ticker": ""},
    ]

    page = read_split_page(answer(results=[split, *({**split, **fields} for fields in wrong)]))

    assert page.rows == [Split("IBM", dt.date(2026, 11, 16), 1.0, 4.0)]
    assert page.rejected == len(wrong)


def test_a_snapshot_is_read_with_and_without_its_parts() -> None:
    rows, rejected = read_snapshot(
        answer(
            tickers=[
                {
                    "ticker": "BCAT",
                    "updated": 1605192894630916600,
                    "day": {"o": 20.64, "h": 20.7, "l": 20.5, "c": 20.6, "v": 37216, "vw": 20.616, "dv": "1"},
                    "prevDay": {"o": 20.79, "h": 21, "l": 20.5, "c": 20.63, "v": 292738, "vw": 20.6939},
                    "lastTrade": {"c": None},
                },
                {"ticker": "NEW"},
                {"ticker": "BAD", "day": {"h": -1}},
            ]
        )
    )

    assert (rows[0].day.high, rows[0].day.low, rows[0].previous_day.close) == (20.7, 20.5, 20.63)
    assert (rows[1].updated_ns, rows[1].day.high, rows[1].previous_day.close) == (0, 0.0, 0.0)
    assert rejected == 1


def test_minute_bars_are_times_and_volumes_and_bars_of_a_symbol_have_no_name() -> None:
    bars = [{"t": 60_000, "o": 1, "h": 3, "l": 1, "c": 2, "v": 10.5, "vw": 2}, {"t": 0, "v": -1}]

    volumes, rejected = read_minute_volumes(answer(results=bars), "IBM")
    timed, _ = read_timed_bars(answer(results=bars), "IBM")

    assert (volumes.start_ms.tolist(), volumes.volume.tolist(), rejected) == ([60_000], [10.5], 1)
    assert timed == [TimedBar(60_000, 1.0, 3.0, 1.0, 2.0, 10.5, 2.0)]
    assert read_minute_volumes(answer(resultsCount=0), "IBM")[0].volume.tolist() == []


def test_details_of_a_ticker_are_those_of_the_list() -> None:
    body = answer(results={"ticker": "IBM", "name": "Machines", "market_cap": 1.5, "type": "CS"})
    assert read_ticker_details(body, "IBM") == ListedTicker("IBM", "Machines", "CS")


READERS: tuple[Callable[[bytes], object], ...] = (
    read_daily_bars,
    read_float_page,
    read_market_status,
    functools.partial(read_minute_volumes, symbol="IBM"),
    read_snapshot,
    read_split_page,
    functools.partial(read_ticker_details, symbol="IBM"),
    read_ticker_page,
    functools.partial(read_timed_bars, symbol="IBM"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(body=st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()))
def test_foreign_bytes_are_one_of_our_errors_and_nothing_else(body: bytes) -> None:
    for read in READERS:
        with contextlib.suppress(ContentError, ProviderRefused, ProviderUnavailable):
            read(body)


@given(rows=st.lists(json_values, max_size=4), name=st.sampled_from(["results", "tickers"]))
def test_rows_without_sense_are_left_out_and_counted(rows: list[object], name: str) -> None:
    sound = {"ticker": "IBM"}
    body = answer(**{name: [sound, *rows]})
    page = read_ticker_page(body)
    snapshots, rejected = read_snapshot(body)
    assert len(page.rows) + page.rejected == (1 + len(rows) if name == "results" else 0)
    assert len(snapshots) + rejected == (1 + len(rows) if name == "tickers" else 0)


NO_ANSWERS: Final = (
    b"{}",
    b'{"error":"Too many requests"}',
    b'{"message":"slow down"}',
    b'{"message":"slow down","results":[]}',
    b'{"request_id":7,"next_url":null}',
)


@pytest.mark.parametrize("read", [read for read in READERS if read is not read_market_status])
@pytest.mark.parametrize("body", NO_ANSWERS)
def test_what_says_neither_that_it_is_good_nor_its_rows_is_no_empty_answer(
    read: Callable[[bytes], object], body: bytes
) -> None:
    with pytest.raises((ContentError, ProviderUnavailable)):
        read(body)


@pytest.mark.parametrize(
    "body", [b'{"status":"OK"}', b'{"status":"DELAYED","results":null}', b'{"results":[]}']
)
def test_an_empty_answer_says_that_it_is_good_or_has_no_rows(body: bytes) -> None:
    assert not read_split_page(body).rows
    assert read_daily_bars(body) == ([], 0)


def test_an_answer_of_whose_rows_none_is_understood_is_not_understood() -> None:
    body = answer(results=[{"execution_date": "soon"}, None])
    with pytest.raises(ContentError, match="none of 2 rows"):
        read_split_page(body)


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        ('{"status":"NOT_AUTHORIZED","message":"You are not entitled"}', ProviderRefused, "not_entitled"),
        ('{"status":"ERROR","error":"Unknown API Key"}', ProviderRefused, "auth_failed"),
        ('{"status":"NOT_FOUND","message":"Ticker not found."}', ProviderRefused, "not_found"),
        ('{"status":"ERROR","error":"limit is wrong"}', ProviderRefused, "bad_request"),
        ("404 page not found", ProviderUnavailable, None),
        ("", ProviderUnavailable, None),
    ],
)
def test_a_refusal_is_told_from_trouble_that_passes(
    body: str, kind: type[MarketDataError], reason: str | None
) -> None:
    error = error_from_answer(404, body.encode())

    assert type(error) is kind
    assert getattr(error, "reason", None) == reason
