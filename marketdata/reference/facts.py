"""The rows of a provider's reference data, in the platform's own terms.

Prices are dollars a share. A field that may be missing has a default.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec

from marketdata.errors import MarketDataError
from marketdata.events import EpochMs, EpochNs, Price, Shares, Symbol
from marketdata.reference.tickers import Ticker

Row = TypeVar("Row")
SplitPart: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1e6)]


class DailyBar(msgspec.Struct, frozen=True, gc=False):
    """One symbol's session: dollars a share, shares; `vwap` is absent for some thinly traded symbols.

    `end_ms` is the end of the session (epoch ms), if the provider gives it.
    """

    symbol: Symbol
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Shares
    vwap: Price | None = None
    end_ms: EpochMs | None = None


class TimedBar(msgspec.Struct, frozen=True, gc=False):
    """A bar in the answer about one symbol; `start_ms` is the start of its window, epoch ms."""

    start_ms: EpochMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Shares
    vwap: Price | None = None


class Float(msgspec.Struct, frozen=True, gc=False):
    """Shares of a symbol that can be traded freely, as of a date."""

    symbol: Symbol
    free_float: Shares
    effective_date: dt.date | None = None


class ListedTicker(msgspec.Struct, frozen=True, gc=False):
    """One row of the list of tickers."""

    symbol: Symbol
    name: str | None = None
    type: str | None = None
    primary_exchange: str | None = None
    share_class_figi: str | None = None
    last_updated_utc: str | None = None

    @property
    def updated(self) -> dt.datetime | None:
        """When the provider last changed the row; None if it does not say so in a known form."""
        try:
            updated = dt.datetime.fromisoformat(self.last_updated_utc or "")
        except ValueError:
            return None
        return updated if updated.tzinfo is not None else updated.replace(tzinfo=dt.UTC)

    def facts(self) -> Ticker:
        """The facts of the row that are stored."""
        return Ticker(self.name or "", self.type or "", self.primary_exchange or "")


class Split(msgspec.Struct, frozen=True, gc=False):
    """`split_from` old shares become `split_to` new ones on a date (4-for-1: from 1, to 4)."""

    symbol: Symbol
    execution_date: dt.date
    split_from: SplitPart
    split_to: SplitPart


class SnapshotDay(msgspec.Struct, frozen=True, gc=False):
    """A day's bar in a snapshot: all zero while the symbol has none."""

    open: Price = 0.0
    high: Price = 0.0
    low: Price = 0.0
    close: Price = 0.0
    volume: Shares = 0.0
    vwap: Price = 0.0


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A symbol's running day and its previous one; `updated_ns` is the newest change, 0 for none yet."""

    symbol: Symbol
    updated_ns: EpochNs = 0
    day: SnapshotDay = SnapshotDay()
    previous_day: SnapshotDay = SnapshotDay()


class Listing(msgspec.Struct, Generic[Row], frozen=True):
    """The rows that were received, and the failure that prevented the others; None if all were received."""

    rows: Sequence[Row]
    failure: MarketDataError | None = None
