"""The interface between the loader and a provider's reference data."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from marketdata.reference.facts import DailyBar, Float, ListedTicker, Listing, Snapshot, Split
from marketdata.reference.volume_curve import MinuteVolumes


class ReferenceSource(Protocol):
    """The provider's answers about the whole market.

    All methods raise:
        ProviderUnavailable: overloaded or away, after several attempts.
        ProviderRefused: `not_entitled`, `auth_failed`, `not_found` or `bad_request`; a retry does not help.
        ContentError: an answer that is not understood, after several attempts.
    """

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """Counts of rows that are not used so far, by endpoint and reason."""

    @property
    def has_own_clock(self) -> bool:
        """Whether the provider's market time may differ from this machine's time, as in a simulation."""

    def leave_out(self, part: str, counts: Mapping[str, int]) -> None:
        """Count rows that are not used, by reason."""

    async def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds."""

    async def daily_bars(self, date: dt.date, *, adjusted: bool = True) -> Sequence[DailyBar]:
        """The bars of one session, one for each symbol, adjusted for splits or not."""

    async def floats(self) -> Listing[Float]:
        """The free float of every symbol that has one, as listed."""

    async def tickers(self) -> Listing[ListedTicker]:
        """Every active ticker of the stock market, as listed."""

    async def splits(self, date: dt.date) -> Listing[Split]:
        """Splits that execute on a date, as listed."""

    async def snapshot(self) -> Sequence[Snapshot]:
        """The running and the previous day of every symbol."""

    async def minute_volumes(self, symbol: str, first: dt.date, last: dt.date) -> MinuteVolumes:
        """One symbol's minute bars over some dates, both included."""

    async def ticker(self, symbol: str, date: dt.date | None = None) -> ListedTicker | None:
        """One ticker's facts, now or as of a date; None when it is not known."""
