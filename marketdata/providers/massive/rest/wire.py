"""The rows of the provider's REST answers as typed values. Pure functions.

Optional fields have a default here (`row_fields`). Rows without a required field are left out and counted.
`envelope` reads the other parts of an answer.

Shapes: massive-api §4.1 (errors), §4.2 (snapshot), §4.5 (grouped daily bars), §4.6 (bars of one symbol),
§4.10 (floats, tickers, splits). `marketdata.reference.facts` has the values.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import msgspec
import numpy as np

from marketdata.errors import ContentError
from marketdata.events import EpochMs, Shares
from marketdata.providers.massive.rest.envelope import (
    Envelope,
    next_parameters,
    open_envelope,
    rows_of,
)
from marketdata.providers.massive.rest.row_fields import read_row
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Snapshot, SnapshotDay, Split, TimedBar
from marketdata.reference.volume_curve import MinuteVolumes

Row = TypeVar("Row")
Facts = TypeVar("Facts", bound=msgspec.Struct)


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """One page of a listing and the query parameters of the next one, None at the end.

    `lost` is the reason why the next page cannot be requested.
    """

    rows: Sequence[Row]
    next_parameters: Mapping[str, str] | None
    rejected: int
    lost: str = ""


class _MinuteBar(msgspec.Struct, gc=False):
    start_ms: EpochMs
    volume: Shares


class RowReader(Generic[Facts]):
    """Reads rows of an endpoint as facts. `names` has the provider's field names that differ from ours.

    `nested` has readers for the fields that are rows themselves; without a reader a field has its default.
    """

    def __init__(
        self,
        facts: type[Facts],
        names: Mapping[str, str] = MappingProxyType({}),
        nested: "Mapping[str, RowReader[Any]]" = MappingProxyType({}),
    ) -> None:
        self._facts = facts
        self._nested = nested
        self.wire: type[msgspec.Struct] = msgspec.defstruct(
            facts.__name__,
            [self._field(field, names) for field in msgspec.structs.fields(facts)],
            frozen=True,
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(self.wire)

    def read(self, text: msgspec.Raw) -> Facts:
        """One row; see `read_row`, also for what it raises."""
        return self.facts_of(read_row(text, self._decoder))

    def _field(self, field: msgspec.structs.FieldInfo, names: Mapping[str, str]) -> tuple[str, Any, Any]:
        name = names.get(field.name, field.name)
        if field.name in self._nested:
            wire = self._nested[field.name].wire
            return field.name, wire, msgspec.field(name=name, default=wire())
        if field.required:
            return field.name, field.type, msgspec.field(name=name)
        return field.name, field.type, msgspec.field(name=name, default=field.default)

    def facts_of(self, row: msgspec.Struct) -> Facts:
        """The facts in a row of the type `wire`."""
        values = msgspec.structs.asdict(row)
        for name, reader in self._nested.items():
            values[name] = reader.facts_of(values[name])
        return self._facts(**values)


_BAR_NAMES: Final = MappingProxyType(
    {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "vwap": "vw"}
)
_TICKER: Final = MappingProxyType({"symbol": "ticker"})
_snapshot_day: Final = RowReader(SnapshotDay, _BAR_NAMES)
_daily_bar: Final = RowReader(DailyBar, {**_BAR_NAMES, "symbol": "T", "end_ms": "t"})
_timed_bar: Final = RowReader(TimedBar, {**_BAR_NAMES, "start_ms": "t"})
_minute_bar: Final = RowReader(_MinuteBar, {"start_ms": "t", "volume": "v"})
_float: Final = RowReader(Float, _TICKER)
_ticker: Final = RowReader(ListedTicker, _TICKER)
_split: Final = RowReader(Split, _TICKER)
_snapshot: Final = RowReader(
    Snapshot,
    {**_TICKER, "updated_ns": "updated", "previous_day": "prevDay"},
    {"day": _snapshot_day, "previous_day": _snapshot_day},
)


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
        details = _ticker.read(results)
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
    """The envelope; an error if it is about another symbol than the requested one."""
    if isinstance(envelope.symbol, str) and envelope.symbol != symbol:
        raise ContentError(reason, f"asked for {symbol}, the answer is about {envelope.symbol}")
    return envelope


def _page(body: bytes, reader: RowReader[Facts], reason: str) -> Page[Facts]:
    envelope = open_envelope(body, reason)
    rows, rejected = _decoded(rows_of(envelope, envelope.results, reason), reader, reason)
    try:
        return Page(rows, next_parameters(envelope, reason), rejected)
    except ContentError as error:
        return Page(rows, None, rejected, str(error))


def _results(envelope: Envelope, reader: RowReader[Facts], reason: str) -> tuple[Sequence[Facts], int]:
    results = rows_of(envelope, envelope.results, reason, announced=envelope.announced_rows)
    return _decoded(results, reader, reason)


def _decoded(
    results: Sequence[msgspec.Raw], reader: RowReader[Facts], reason: str
) -> tuple[Sequence[Facts], int]:
    """The rows that are understood, and how many are not.

    Raises:
        ContentError: with `reason`: there are rows, and none is understood.
    """
    rows: list[Facts] = []
    rejected = 0
    for result in results:
        try:
            rows.append(reader.read(result))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            rejected += 1
    if rejected and not rows:
        raise ContentError(reason, f"none of {rejected} rows is understood")
    return rows, rejected
