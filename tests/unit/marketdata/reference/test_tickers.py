"""Types and listing exchanges as numbers, and tickers as stored bytes."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError
from marketdata.reference.tickers import (
    Ticker,
    TickerType,
    decode_tickers,
    encode_tickers,
    nasdaq_listed,
    ticker_type_code,
)


def test_a_type_that_is_not_known_is_other_and_none_at_all_is_absent() -> None:
    assert ticker_type_code("ETF") == TickerType.ETF
    assert ticker_type_code("SOMETHING_NEW") == TickerType.OTHER
    assert math.isnan(ticker_type_code(""))


@pytest.mark.parametrize(("exchange", "listed"), [("XNAS", 1.0), ("XNGS", 1.0), ("XNYS", 0.0), ("ARCX", 0.0)])
def test_a_listing_on_nasdaq_is_told_by_the_exchange_code(exchange: str, listed: float) -> None:
    assert nasdaq_listed(exchange) == listed


def test_an_unknown_listing_exchange_is_absent() -> None:
    assert math.isnan(nasdaq_listed(""))


@given(st.dictionaries(st.text(), st.builds(Ticker, st.text(), st.text(), st.text())))
def test_tickers_survive_storage(tickers: dict[str, Ticker]) -> None:
    assert decode_tickers(encode_tickers(tickers)) == tickers


@given(st.binary(max_size=200))
def test_foreign_bytes_are_an_error_of_content_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        decode_tickers(data)


def test_another_version_is_refused() -> None:
    data = bytearray(encode_tickers({}))
    data[1] = 9
    with pytest.raises(ContentError, match="version 9"):
        decode_tickers(bytes(data))
