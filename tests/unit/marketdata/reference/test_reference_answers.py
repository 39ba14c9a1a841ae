"""The provider's REST answers: read, bounded, and its refusals understood."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.reference.wire import (
    DailyBar,
    Float,
    error_from_body,
    read_daily_bars,
    read_float_page,
    read_market_time_ms,
)

BAR = {"T": "IBM", "o": 1, "h": 3.5, "l": 0.5, "c": 2, "v": 1234.5, "vw": 1.9, "t": 1, "n": 9}


def answer(**fields: object) -> bytes:
    return json.dumps({"status": "OK", "request_id": 7} | fields).encode()


def test_the_market_time_respects_the_offset() -> None:
    assert read_market_time_ms(b'{"serverTime":"2020-11-10T17:37:37-05:00"}') == 1_605_047_857_000


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"serverTime":"2020-11-10T17:37:37"}', b'{"serverTime":1}']
)
def test_a_market_time_without_zone_or_sense_is_an_error(body: bytes) -> None:
    with pytest.raises(ContentError, match="market_status"):
        read_market_time_ms(body)


def test_a_day_without_trading_has_no_results_at_all() -> None:
    assert read_daily_bars(answer(resultsCount=0)) == ([], 0)


def test_bars_are_read_and_a_missing_vwap_is_absent() -> None:
    bars, rejected = read_daily_bars(answer(results=[BAR, {**BAR, "T": "X", "vw": None}]))

    assert bars == [
        DailyBar("IBM", 1.0, 3.5, 0.5, 2.0, 1234.5, 1.9),
        DailyBar("X", 1.0, 3.5, 0.5, 2.0, 1234.5, None),
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

    assert page.floats == [Float("IBM", 5.0)]
    assert page.rejected == 1
    assert page.next_parameters == {"cursor": "abc=", "limit": "5000"}
    assert read_float_page(answer(results=[])).next_parameters is None


@given(body=st.binary(max_size=100))
def test_foreign_bytes_are_an_error_of_content_and_nothing_else(body: bytes) -> None:
    for read in (read_daily_bars, read_float_page, read_market_time_ms):
        try:
            read(body)
        except ContentError:
            continue


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        ('{"status":"NOT_AUTHORIZED","message":"You are not entitled"}', ProviderRefused, "not_entitled"),
        ('{"status":"ERROR","error":"Unknown API Key"}', ProviderRefused, "auth_failed"),
        ('{"status":"NOT_FOUND","message":"Ticker not found."}', ProviderRefused, "bad_request"),
        ("404 page not found", ProviderUnavailable, None),
        ("", ProviderUnavailable, None),
    ],
)
def test_a_refusal_is_told_from_trouble_that_passes(
    body: str, kind: type[MarketDataError], reason: str | None
) -> None:
    error = error_from_body(body)

    assert type(error) is kind
    assert getattr(error, "reason", None) == reason
