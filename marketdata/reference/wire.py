"""The provider's REST answers as typed values. Pure functions; rows out of bounds are left out and counted.

Shapes: massive-api §4.5 (grouped daily bars), §4.8 (market status), §4.10 (floats), §4.1 (errors).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.events import Price, Shares, Symbol

AUTHENTICATION_WORDS: Final = ("api key", "apikey", "unauthorized")


class DailyBar(msgspec.Struct, frozen=True, gc=False):
    """One symbol's session: dollars a share, shares; `vwap` is absent for some thinly traded symbols."""

    symbol: Symbol = msgspec.field(name="T")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Shares = msgspec.field(name="v")
    vwap: Price | None = msgspec.field(name="vw", default=None)


class Float(msgspec.Struct, frozen=True, gc=False):
    """Shares of a symbol that can be traded freely."""

    symbol: Symbol = msgspec.field(name="ticker")
    free_float: Shares = msgspec.field(name="free_float")


class FloatPage(msgspec.Struct, frozen=True, gc=False):
    """One page of floats and the query parameters of the next one, None at the end."""

    floats: Sequence[Float]
    next_parameters: Mapping[str, str] | None
    rejected: int


class _Answer(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] = []
    next_url: str = ""


class _MarketStatus(msgspec.Struct, gc=False):
    server_time: Annotated[dt.datetime, msgspec.Meta(tz=True)] = msgspec.field(name="serverTime")


class _Failure(msgspec.Struct, gc=False):
    status: str = ""
    message: str = ""
    error: str = ""


_answer: Final = msgspec.json.Decoder(_Answer)
_daily_bar: Final = msgspec.json.Decoder(DailyBar)
_float: Final = msgspec.json.Decoder(Float)
_market_status: Final = msgspec.json.Decoder(_MarketStatus)
_failure: Final = msgspec.json.Decoder(_Failure)


def read_market_time_ms(body: bytes) -> int:
    """The provider's own time from the market status, epoch milliseconds.

    Raises:
        ContentError: with reason `market_status`.
    """
    try:
        return round(_market_status.decode(body).server_time.timestamp() * 1000)
    except msgspec.MsgspecError as error:
        raise ContentError("market_status", str(error)) from error


def read_daily_bars(body: bytes) -> tuple[Sequence[DailyBar], int]:
    """The bars of one day, none for a day without trading, and how many rows were left out.

    Raises:
        ContentError: with reason `daily_bars` when the answer as a whole is not understood.
    """
    return _rows(_read_answer(body, "daily_bars").results, _daily_bar)


def read_float_page(body: bytes) -> FloatPage:
    """One page of floats.

    Raises:
        ContentError: with reason `floats` when the answer as a whole is not understood.
    """
    answer = _read_answer(body, "floats")
    floats, rejected = _rows(answer.results, _float)
    parameters = dict(parse_qsl(urlsplit(answer.next_url).query)) if answer.next_url else None
    return FloatPage(floats, parameters, rejected)


def error_from_body(body: str) -> MarketDataError:
    """What an answer other than 200 means. The SDK hands over only its text, so that is what decides."""
    try:
        failure = _failure.decode(body)
    except (msgspec.MsgspecError, UnicodeError):
        return ProviderUnavailable(f"answer not understood: {body[:200]!r}")
    message = failure.message or failure.error or failure.status
    if failure.status == "NOT_AUTHORIZED":
        return ProviderRefused("not_entitled", message)
    if any(word in message.lower() for word in AUTHENTICATION_WORDS):
        return ProviderRefused("auth_failed", message)
    return ProviderRefused("bad_request", message)


def _read_answer(body: bytes, reason: str) -> _Answer:
    try:
        return _answer.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ContentError(reason, str(error)) from error


def _rows(results: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[Any]) -> tuple[Sequence[Any], int]:
    rows: list[Any] = []
    rejected = 0
    for result in results:
        try:
            rows.append(decoder.decode(result))
        except msgspec.MsgspecError:
            rejected += 1
    return rows, rejected
