"""The rows of the provider's REST answers as typed values. Pure functions; what a row can do without has a
default here, and costs the row nothing (`row_fields`); rows without what they must have are left out and
counted. What surrounds the rows is read in `envelope`.

Shapes: massive-api §4.1 (errors), §4.2 (snapshot), §4.5 (grouped daily bars), §4.6 (bars of one symbol), §4.8
(market status), §4.10 (floats, tickers, splits).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec
import numpy as np

from marketdata.errors import ContentError
from marketdata.events import EpochMs, EpochNs, Price, Shares, Symbol
from marketdata.reference.envelope import Envelope, next_parameters, open_envelope, read_json, rows_of
from marketdata.reference.row_fields import read_row
from marketdata.reference.tickers import Ticker
from marketdata.reference.volume_curve import MinuteVolumes

Row = TypeVar("Row")
SplitPart: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1e6)]


class DailyBar(msgspec.Struct, frozen=True, gc=False):
    """One symbol's session: dollars a share, shares; `vwap` is absent for some thinly traded symbols.

    `end_ms` is the end of the session (epoch ms) where the provider tells it.
    """

    symbol: Symbol = msgspec.field(name="T")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Shares = msgspec.field(name="v")
    vwap: Price | None = msgspec.field(name="vw", default=None)
    end_ms: EpochMs | None = msgspec.field(name="t", default=None)


class TimedBar(msgspec.Struct, frozen=True, gc=False):
    """A bar of one symbol that was asked for by name; `start_ms` is the start of its window, epoch ms."""

    start_ms: EpochMs = msgspec.field(name="t")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Shares = msgspec.field(name="v")
    vwap: Price | None = msgspec.field(name="vw", default=None)


class Float(msgspec.Struct, frozen=True, gc=False):
    """Shares of a symbol that can be traded freely, as of a date."""

    symbol: Symbol = msgspec.field(name="ticker")
    free_float: Shares = msgspec.field(name="free_float")
    effective_date: dt.date | None = None


class ListedTicker(msgspec.Struct, frozen=True, gc=False):
    """One row of the list of tickers."""

    symbol: Symbol = msgspec.field(name="ticker")
    name: str | None = None
    type: str | None = None
    primary_exchange: str | None = None
    share_class_figi: str | None = None
    last_updated_utc: str | None = None

    @property
    def updated(self) -> dt.datetime | None:
        """When the provider last changed the row; None where it does not say so in a form that is known."""
        try:
            updated = dt.datetime.fromisoformat(self.last_updated_utc or "")
        except ValueError:
            return None
        return updated if updated.tzinfo is not None else updated.replace(tzinfo=dt.UTC)

    def facts(self) -> Ticker:
        """What is stored of it."""
        return Ticker(self.name or "", self.type or "", self.primary_exchange or "")


class Split(msgspec.Struct, frozen=True, gc=False):
    """`split_from` old shares become `split_to` new ones on a date (4-for-1: from 1, to 4)."""

    symbol: Symbol = msgspec.field(name="ticker")
    execution_date: dt.date
    split_from: SplitPart
    split_to: SplitPart


class SnapshotDay(msgspec.Struct, frozen=True, gc=False):
    """A day's bar in a snapshot: all zero while the symbol has none."""

    open: Price = msgspec.field(name="o", default=0.0)
    high: Price = msgspec.field(name="h", default=0.0)
    low: Price = msgspec.field(name="l", default=0.0)
    close: Price = msgspec.field(name="c", default=0.0)
    volume: Shares = msgspec.field(name="v", default=0.0)
    vwap: Price = msgspec.field(name="vw", default=0.0)


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A symbol's running day and its previous one; `updated_ns` is the newest change, 0 for none yet."""

    symbol: Symbol = msgspec.field(name="ticker")
    updated_ns: EpochNs = msgspec.field(name="updated", default=0)
    day: SnapshotDay = SnapshotDay()
    previous_day: SnapshotDay = msgspec.field(name="prevDay", default=SnapshotDay())


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """One page of a listing and the query parameters of the next one, None at the end.

    `lost` says why there is a next page that cannot be asked for.
    """

    rows: Sequence[Row]
    next_parameters: Mapping[str, str] | None
    rejected: int
    lost: str = ""


class _MarketStatus(msgspec.Struct, gc=False):
    server_time: Annotated[dt.datetime, msgspec.Meta(tz=True)] = msgspec.field(name="serverTime")


class _MinuteBar(msgspec.Struct, gc=False):
    start_ms: EpochMs = msgspec.field(name="t")
    volume: Shares = msgspec.field(name="v")


_daily_bar: Final = msgspec.json.Decoder(DailyBar)
_timed_bar: Final = msgspec.json.Decoder(TimedBar)
_minute_bar: Final = msgspec.json.Decoder(_MinuteBar)
_float: Final = msgspec.json.Decoder(Float)
_ticker: Final = msgspec.json.Decoder(ListedTicker)
_split: Final = msgspec.json.Decoder(Split)
_snapshot: Final = msgspec.json.Decoder(Snapshot)
_market_status: Final = msgspec.json.Decoder(_MarketStatus)


def read_market_time_ms(body: bytes) -> int:
    """The provider's own time from the market status, epoch milliseconds.

    Raises:
        ContentError: with reason `market_status`.
        ProviderUnavailable, ProviderRefused: see `open_envelope`; so does every function here.
    """
    open_envelope(body, "market_status")
    status = read_json(_market_status, body, "market_status")
    return round(status.server_time.timestamp() * 1000)


def read_daily_bars(body: bytes) -> tuple[Sequence[DailyBar], int]:
    """The bars of one day, none for a day without trading, and how many rows were left out.

    Raises:
        ContentError: with reason `daily_bars` when the answer as a whole is not understood.
    """
    return _results(open_envelope(body, "daily_bars"), _daily_bar, "daily_bars")


def read_timed_bars(body: bytes, symbol: str) -> tuple[Sequence[TimedBar], int]:
    """The bars of one symbol, none where it did not trade, and how many rows were left out.

    Raises:
        ContentError: with reason `bars` when the answer as a whole is not understood, or is about another.
    """
    return _results(_about(open_envelope(body, "bars"), symbol, "bars"), _timed_bar, "bars")


def read_minute_volumes(body: bytes, symbol: str) -> tuple[MinuteVolumes, int]:
    """Times and volumes of one symbol's minute bars, and how many rows were left out.

    Raises:
        ContentError: with reason `minute_bars` when the answer as a whole is not understood, or is about
            another symbol.
    """
    envelope = _about(open_envelope(body, "minute_bars"), symbol, "minute_bars")
    bars, rejected = _results(envelope, _minute_bar, "minute_bars")
    start_ms = np.fromiter((bar.start_ms for bar in bars), dtype=np.int64, count=len(bars))
    volume = np.fromiter((bar.volume for bar in bars), dtype=np.float64, count=len(bars))
    return MinuteVolumes(start_ms, volume), rejected


def read_float_page(body: bytes) -> Page[Float]:
    """One page of floats.

    Raises:
        ContentError: with reason `floats` when the answer as a whole is not understood.
    """
    return _page(body, _float, "floats")


def read_ticker_page(body: bytes) -> Page[ListedTicker]:
    """One page of the list of tickers.

    Raises:
        ContentError: with reason `tickers` when the answer as a whole is not understood.
    """
    return _page(body, _ticker, "tickers")


def read_split_page(body: bytes) -> Page[Split]:
    """One page of splits.

    Raises:
        ContentError: with reason `splits` when the answer as a whole is not understood.
    """
    return _page(body, _split, "splits")


def read_ticker_details(body: bytes, symbol: str) -> ListedTicker:
    """The facts about one ticker that the list of tickers has as well.

    Raises:
        ContentError: with reason `ticker_details` when they are not understood, or about another ticker.
    """
    results = open_envelope(body, "ticker_details").results
    try:
        details = read_row(results, _ticker)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ContentError("ticker_details", str(error)) from error
    if details.symbol != symbol:
        raise ContentError("ticker_details", f"asked for {symbol}, the answer is about {details.symbol}")
    return details


def read_snapshot(body: bytes) -> tuple[Sequence[Snapshot], int]:
    """The full-market snapshot, and how many rows were left out.

    Raises:
        ContentError: with reason `snapshot` when the answer as a whole is not understood.
    """
    envelope = open_envelope(body, "snapshot")
    return _decoded(rows_of(envelope, envelope.tickers, "snapshot"), _snapshot, "snapshot")


def _about(envelope: Envelope, symbol: str, reason: str) -> Envelope:
    """The envelope, unless it says that it is about another symbol than was asked for."""
    if isinstance(envelope.symbol, str) and envelope.symbol != symbol:
        raise ContentError(reason, f"asked for {symbol}, the answer is about {envelope.symbol}")
    return envelope


def _page(body: bytes, decoder: msgspec.json.Decoder[Row], reason: str) -> Page[Row]:
    envelope = open_envelope(body, reason)
    rows, rejected = _decoded(rows_of(envelope, envelope.results, reason), decoder, reason)
    try:
        return Page(rows, next_parameters(envelope, reason), rejected)
    except ContentError as error:
        return Page(rows, None, rejected, str(error))


def _results(
    envelope: Envelope, decoder: msgspec.json.Decoder[Row], reason: str
) -> tuple[Sequence[Row], int]:
    results = rows_of(envelope, envelope.results, reason, told=envelope.rows_told)
    return _decoded(results, decoder, reason)


def _decoded(
    results: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[Row], reason: str
) -> tuple[Sequence[Row], int]:
    """The rows that are understood, and how many are not.

    Raises:
        ContentError: with `reason`: there are rows, and none is understood.
    """
    rows: list[Row] = []
    rejected = 0
    for result in results:
        try:
            rows.append(read_row(result, decoder))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            rejected += 1
    if rejected and not rows:
        raise ContentError(reason, f"none of {rejected} rows is understood")
    return rows, rejected
