"""Name, type and listing exchange of each symbol, as stored beside the reference block."""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.errors import ContentError

TICKERS_VERSION: Final = 1

NASDAQ_MICS: Final = frozenset({"XNAS", "XNGS", "XNMS", "XNCM"})
"""Market identifier codes (ISO 10383) of Nasdaq as a listing exchange: operating code and three tiers."""


class TickerType(enum.IntEnum):
    """Kinds of securities: the provider's type codes as small numbers, for a float64 column.

    The numbers are stored, so their meaning must not change. Any other type is `OTHER`.
    """

    CS = 1
    ETF = 2
    ADRC = 3
    WARRANT = 4
    RIGHT = 5
    UNIT = 6
    PFD = 7
    FUND = 8
    ETN = 9
    SP = 10
    ADRP = 11
    ADRR = 12
    ADRW = 13
    OS = 14
    GDR = 15
    NYRS = 16
    BOND = 17
    BASKET = 18
    LT = 19
    EQLK = 20
    AGEN = 21
    INDEX = 22
    OTHER = 99


class Ticker(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One listed security. `type` is the provider's code; each text is empty where the provider has none."""

    name: str
    type: str
    primary_exchange: str


class _StoredTickers(msgspec.Struct, array_like=True, frozen=True):
    version: int
    tickers: dict[str, Ticker]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_StoredTickers)


def ticker_type_code(type_text: str) -> float:
    """The code of a provider's type, for a column; NaN (absent) for an empty text."""
    if not type_text:
        return float("nan")
    return float(TickerType.__members__.get(type_text, TickerType.OTHER))


def nasdaq_listed(primary_exchange: str) -> float:
    """1 for a listing on Nasdaq, 0 for one elsewhere, NaN (absent) for an unknown exchange."""
    if not primary_exchange:
        return float("nan")
    return float(primary_exchange in NASDAQ_MICS)


def encode_tickers(tickers: Mapping[str, Ticker]) -> bytes:
    """Tickers by symbol as bytes (msgpack)."""
    return _encoder.encode(_StoredTickers(TICKERS_VERSION, dict(tickers)))


def decode_tickers(data: bytes) -> Mapping[str, Ticker]:
    """The tickers that `encode_tickers` wrote.

    Raises:
        ContentError: reason `tickers`; the bytes are not such a value, or have another version.
    """
    try:
        stored = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("tickers", str(error)) from error
    if stored.version != TICKERS_VERSION:
        raise ContentError("tickers", f"version {stored.version}, this program reads {TICKERS_VERSION}")
    return stored.tickers
