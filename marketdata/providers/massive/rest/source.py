"""The endpoints of the provider's REST service, with typed answers. `asking` sends the requests."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ProviderRefused
from marketdata.observability.logs import route_library_logger
from marketdata.providers.massive.rest import wire
from marketdata.providers.massive.rest.asking import ATTEMPTS, CONCURRENT_REQUESTS, Asking
from marketdata.providers.massive.rest.bounded_http import bounded_client
from marketdata.providers.massive.rest.market_status import read_market_status
from marketdata.providers.massive.rest.pages import read_listing
from marketdata.providers.massive.rest.provider_clock import checked_time_ms, has_own_clock
from marketdata.reference import facts
from marketdata.reference.facts import Listing
from marketdata.reference.rows import bars_of_session, newest_floats
from marketdata.reference.volume_curve import MinuteVolumes
from marketdata.runtime.backoff import Backoff
from marketdata.units import NS_PER_MS

FLOATS_PAGE_ROWS: Final = 5_000
PAGE_ROWS: Final = 1_000
BARS_LIMIT: Final = 50_000
CONNECT_TIMEOUT_SECONDS: Final = 10.0
READ_TIMEOUT_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 90.0
BODY_BYTES: Final = 64 * 1024 * 1024
"""Several times the largest answer, which is the snapshot of the whole market."""

T = TypeVar("T")

# The SDK attached its own handlers when it was imported above.
route_library_logger("RESTClient")


class RestSource:
    """Answers of the REST service as typed values. An async context manager; its threads end with it.

    Every method raises:
        ProviderUnavailable: overloaded or unreachable, after several attempts.
        ProviderRefused: `not_entitled`, `auth_failed`, `not_found` or `bad_request`; a quick retry cannot
        help.
        ContentError: an answer that is not understood, after several attempts.
    The provider's texts in them can be shown: they are bounded and without the key. `patience_seconds` after
    the creation no request is repeated.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        attempts: int = ATTEMPTS,
        make_backoff: Callable[[], Backoff] | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        body_bytes: int = BODY_BYTES,
        patience_seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._base_url = base_url
        self._clock = clock or SystemClock()
        self._client = bounded_client(
            base_url,
            api_key,
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
            read_seconds=READ_TIMEOUT_SECONDS,
            answer_seconds=answer_seconds,
            body_bytes=body_bytes,
            connections=CONCURRENT_REQUESTS,
        )
        self._asking = Asking(
            api_key,
            attempts=attempts,
            make_backoff=make_backoff,
            patience_seconds=patience_seconds,
            clock=self._clock,
        )

    @property
    def requests(self) -> int:
        """Requests sent so far, repeated ones included."""
        return self._asking.requests

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many rows of the answers were not used so far, by endpoint and reason: `daily_bars: stale`."""
        return self._asking.left_out

    @property
    def has_own_clock(self) -> bool:
        """Whether the market time of the provider may differ from this machine's time."""
        return has_own_clock(self._base_url)

    def leave_out(self, part: str, counts: Mapping[str, int]) -> None:
        """Count rows that are not used, by reason."""
        self._asking.leave_out(part, counts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._asking.close()

    async def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds. An impossible time is a `ContentError`."""
        return await self._asking.ask(
            "market_status", lambda: self._client.get_market_status(raw=True), self._market_time_ms
        )

    async def daily_bars(self, date: dt.date, *, adjusted: bool = True) -> Sequence[facts.DailyBar]:
        """Every symbol's bar of one session, adjusted for splits or not; one for each symbol.

        None when there was no session, or when the provider does not have its bars yet.
        """
        bars = await self._rows(
            "grouped_daily",
            lambda: self._client.get_grouped_daily_aggs(date.isoformat(), adjusted=adjusted, raw=True),
            wire.read_daily_bars,
        )
        chosen = await self._asking.in_thread(bars_of_session, bars, date)
        self._asking.leave_out("grouped_daily", chosen.left_out)
        return chosen.rows

    async def floats(self) -> Listing[facts.Float]:
        """The free float of every symbol that has one, as listed."""
        return await self._listing(
            "floats",
            lambda params: self._client.list_stocks_floats(limit=FLOATS_PAGE_ROWS, params=params, raw=True),
            wire.read_float_page,
        )

    async def tickers(self) -> Listing[facts.ListedTicker]:
        """Every active ticker of the stock market, as listed."""
        return await self._listing(
            "tickers",
            lambda params: self._client.list_tickers(
                market="stocks", active=True, limit=PAGE_ROWS, params=params, raw=True
            ),
            wire.read_ticker_page,
        )

    async def splits(self, date: dt.date) -> Listing[facts.Split]:
        """Splits that execute on a date, as listed."""
        return await self._listing(
            "splits",
            lambda params: self._client.list_splits(
                execution_date=date.isoformat(), limit=PAGE_ROWS, params=params, raw=True
            ),
            wire.read_split_page,
        )

    async def snapshot(self) -> Sequence[facts.Snapshot]:
        """The running and the previous day of every symbol."""
        # The market's name as text: the SDK would build a wrong path from its own enum.
        return await self._rows(
            "snapshot", lambda: self._client.get_snapshot_all("stocks", raw=True), wire.read_snapshot
        )

    async def minute_volumes(self, symbol: str, first: dt.date, last: dt.date) -> MinuteVolumes:
        """One symbol's minute bars over some dates, both included; at most 50,000 of them (52 full days)."""
        return await self._rows(
            "minute_bars",
            lambda: self._bars(symbol, "minute", first, last),
            functools.partial(wire.read_minute_volumes, symbol=symbol),
        )

    async def day_bars(
        self, symbol: str, first: dt.date, last: dt.date, *, adjusted: bool = True
    ) -> Sequence[facts.TimedBar]:
        """One symbol's daily bars over some dates, both included, adjusted for splits or not."""
        return await self._rows(
            "day_bars",
            lambda: self._bars(symbol, "day", first, last, adjusted=adjusted),
            functools.partial(wire.read_timed_bars, symbol=symbol),
        )

    async def ticker(self, symbol: str, date: dt.date | None = None) -> facts.ListedTicker | None:
        """One ticker's name, type and exchange, now or as of a date; None if the ticker is unknown."""
        try:
            return await self._asking.ask(
                "ticker_details",
                lambda: self._client.get_ticker_details(
                    quote(symbol, safe=""), date=None if date is None else date.isoformat(), raw=True
                ),
                functools.partial(wire.read_ticker_details, symbol=symbol),
            )
        except ProviderRefused as refusal:
            if refusal.reason != "not_found":
                raise
            return None

    async def free_float(self, symbol: str, today: dt.date) -> facts.Float | None:
        """One symbol's free float, the newest up to a date as in the bulk load; None when there is none."""
        page = await self._asking.ask(
            "float",
            lambda: self._client.list_stocks_floats(ticker=symbol, limit=PAGE_ROWS, raw=True),
            wire.read_float_page,
        )
        chosen = newest_floats([row for row in page.rows if row.symbol == symbol], today)
        return next(iter(chosen.rows), None)

    def _bars(
        self, symbol: str, timespan: str, first: dt.date, last: dt.date, *, adjusted: bool = True
    ) -> Any:
        return self._client.list_aggs(
            quote(symbol, safe=""),
            1,
            timespan,
            first.isoformat(),
            last.isoformat(),
            adjusted=adjusted,
            sort="asc",
            limit=BARS_LIMIT,
            raw=True,
        )

    def _market_time_ms(self, body: bytes) -> int:
        market_time_ms = read_market_status(body).market_time_ms
        now_ms = self._clock.time_ns() // NS_PER_MS
        return checked_time_ms(market_time_ms, rest_url=self._base_url, now_ms=now_ms)

    async def _rows(
        self, endpoint: str, request: Callable[[], Any], read: Callable[[bytes], tuple[T, int]]
    ) -> T:
        rows, rejected = await self._asking.ask(endpoint, request, read)
        self._asking.leave_out(endpoint, {"out_of_bounds": rejected})
        return rows

    async def _listing(
        self,
        endpoint: str,
        request: Callable[[dict[str, str]], Any],
        read: Callable[[bytes], wire.Page[T]],
    ) -> Listing[T]:
        """All rows of a listing. `request` gets the query parameters of a page: none for the first."""

        async def read_page(parameters: Mapping[str, str]) -> wire.Page[T]:
            # A copy for each attempt, as the SDK adds to it.
            page = await self._asking.ask(endpoint, lambda: request(dict(parameters)), read)
            self._asking.leave_out(endpoint, {"out_of_bounds": page.rejected})
            return page

        return await read_listing(read_page, endpoint)
