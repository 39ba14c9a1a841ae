"""The provider's REST service, asked from threads: the SDK is synchronous, and the loop must not wait.

Each request is tried again with backoff while the provider is overloaded or away; the SDK's own retries
are off, as they sleep in the thread, cannot be interrupted and are not counted.
"""

import asyncio
import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar
from urllib.parse import quote

from massive import RESTClient
from massive.exceptions import BadResponse
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from marketdata.errors import MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger, route_library_logger
from marketdata.reference import wire
from marketdata.reference.volume_curve import MinuteVolumes
from marketdata.runtime.backoff import Backoff

CONCURRENT_REQUESTS: Final = 4
ATTEMPTS: Final = 8
FLOATS_PAGE_ROWS: Final = 5_000
PAGE_ROWS: Final = 1_000
BARS_LIMIT: Final = 50_000
READ_TIMEOUT_SECONDS: Final = 30.0

T = TypeVar("T")

# The SDK attached its own handlers when it was imported above.
route_library_logger("RESTClient")
log = get_logger(__name__)


class RestSource:
    """Answers of the REST service as typed values. An async context manager; its threads end with it.

    Every method raises:
        ProviderUnavailable: overloaded or away, after several attempts.
        ProviderRefused: `not_entitled`, `auth_failed` or `bad_request`; asking again cannot help.
        ContentError: an answer that is not understood.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        attempts: int = ATTEMPTS,
        make_backoff: Callable[[], Backoff] | None = None,
    ) -> None:
        self._client = RESTClient(
            api_key=api_key,
            base=base_url.rstrip("/"),
            retries=0,
            read_timeout=READ_TIMEOUT_SECONDS,
            maxsize=CONCURRENT_REQUESTS,
        )
        self._attempts = attempts
        self._make_backoff = make_backoff or _default_backoff
        self._threads = ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="rest")
        # Apart from the requests: an answer is read as it comes, and not after all that wait to be sent.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="rest answers")
        self._requests = 0

    @property
    def requests(self) -> int:
        """Requests sent so far, repeated ones included."""
        return self._requests

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds."""
        body = await self._ask("market_status", lambda: self._client.get_market_status(raw=True))
        return wire.read_market_time_ms(body)

    async def daily_bars(self, date: dt.date, *, adjusted: bool = True) -> Sequence[wire.DailyBar]:
        """Every symbol's bar of one session, adjusted for splits or not; none when there was no session."""
        body = await self._ask(
            "grouped_daily",
            lambda: self._client.get_grouped_daily_aggs(date.isoformat(), adjusted=adjusted, raw=True),
        )
        return _told("grouped_daily", *await self._parse(wire.read_daily_bars, body))

    async def floats(self) -> Sequence[wire.Float]:
        """The free float of every symbol that has one."""
        return await self._pages(
            "floats",
            lambda params: self._client.list_stocks_floats(limit=FLOATS_PAGE_ROWS, params=params, raw=True),
            wire.read_float_page,
        )

    async def tickers(self) -> Sequence[wire.ListedTicker]:
        """Every active ticker of the stock market."""
        return await self._pages(
            "tickers",
            lambda params: self._client.list_tickers(
                market="stocks", active=True, limit=PAGE_ROWS, params=params, raw=True
            ),
            wire.read_ticker_page,
        )

    async def splits(self, date: dt.date) -> Sequence[wire.Split]:
        """Splits that execute on a date."""
        return await self._pages(
            "splits",
            lambda params: self._client.list_splits(
                execution_date=date.isoformat(), limit=PAGE_ROWS, params=params, raw=True
            ),
            wire.read_split_page,
        )

    async def snapshot(self) -> Sequence[wire.Snapshot]:
        """The running and the previous day of every symbol."""
        # The market's name as text: the SDK would build a wrong path from its own enum.
        body = await self._ask("snapshot", lambda: self._client.get_snapshot_all("stocks", raw=True))
        return _told("snapshot", *await self._parse(wire.read_snapshot, body))

    async def minute_volumes(self, symbol: str, first: dt.date, last: dt.date) -> MinuteVolumes:
        """One symbol's minute bars over some dates, both included; at most 50,000 of them (52 full days)."""
        body = await self._ask("minute_bars", lambda: self._bars(symbol, "minute", first, last))
        return _told("minute_bars", *await self._parse(wire.read_minute_volumes, body))

    async def day_bars(self, symbol: str, first: dt.date, last: dt.date) -> Sequence[wire.TimedBar]:
        """One symbol's daily bars over some dates, both included, adjusted for splits."""
        body = await self._ask("day_bars", lambda: self._bars(symbol, "day", first, last))
        return _told("day_bars", *await self._parse(wire.read_timed_bars, body))

    async def ticker(self, symbol: str) -> wire.ListedTicker | None:
        """One ticker's name, type and exchange; None when the provider does not know it."""
        try:
            body = await self._ask(
                "ticker_details", lambda: self._client.get_ticker_details(quote(symbol, safe=""), raw=True)
            )
        except ProviderRefused as refusal:
            if refusal.reason != "not_found":
                raise
            return None
        return await self._parse(wire.read_ticker_details, body)

    async def free_float(self, symbol: str) -> wire.Float | None:
        """One symbol's free float; None when there is none."""
        body = await self._ask(
            "float", lambda: self._client.list_stocks_floats(ticker=symbol, limit=1, raw=True)
        )
        rows = (await self._parse(wire.read_float_page, body)).rows
        return next((row for row in rows if row.symbol == symbol), None)

    def _bars(self, symbol: str, timespan: str, first: dt.date, last: dt.date) -> BaseHTTPResponse:
        response: BaseHTTPResponse = self._client.list_aggs(
            quote(symbol, safe=""),
            1,
            timespan,
            first.isoformat(),
            last.isoformat(),
            adjusted=True,
            sort="asc",
            limit=BARS_LIMIT,
            raw=True,
        )
        return response

    async def _pages(
        self,
        endpoint: str,
        request: Callable[[dict[str, str]], BaseHTTPResponse],
        read: Callable[[bytes], wire.Page[T]],
    ) -> Sequence[T]:
        """All rows of a listing. `request` gets the query parameters of a page: none for the first."""
        found: list[T] = []
        parameters: Mapping[str, str] | None = {}
        while parameters is not None:
            # A copy for each attempt, as the SDK adds to it.
            body = await self._ask(endpoint, functools.partial(_with_copy, request, parameters))
            page = await self._parse(read, body)
            found += _told(endpoint, page.rows, page.rejected)
            parameters = page.next_parameters
        return found

    async def _ask(self, endpoint: str, request: Callable[[], BaseHTTPResponse]) -> bytes:
        backoff = self._make_backoff()
        while True:
            try:
                return await self._send(endpoint, request)
            except ProviderUnavailable as error:
                if backoff.attempts + 1 >= self._attempts:
                    raise
                delay = backoff.next_delay_seconds()
                log.warning(
                    "request failed", endpoint=endpoint, error=str(error), retry_in_seconds=round(delay, 1)
                )
                await asyncio.sleep(delay)

    async def _send(self, endpoint: str, request: Callable[[], BaseHTTPResponse]) -> bytes:
        self._requests += 1
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(self._threads, request)
        except HTTPError as error:  # 429 and 5xx arrive as MaxRetryError too
            raise _counted(endpoint, ProviderUnavailable(str(error))) from error
        except BadResponse as error:
            raise _counted(endpoint, wire.error_from_body(str(error))) from error
        metrics.REFERENCE_REQUESTS.labels(endpoint=endpoint, outcome="ok").inc()
        return response.data

    async def _parse(self, read: Callable[[bytes], T], body: bytes) -> T:
        """In a thread too: a megabyte of JSON would hold up the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, read, body)


def _default_backoff() -> Backoff:
    # Up to a minute: the free plan's quota of five requests is per minute.
    return Backoff(initial_seconds=1.0, maximum_seconds=60.0, minimum_seconds=0.5)


def _counted(endpoint: str, error: MarketDataError) -> MarketDataError:
    outcome = getattr(error, "reason", "unavailable")
    metrics.REFERENCE_REQUESTS.labels(endpoint=endpoint, outcome=outcome).inc()
    return error


def _with_copy(
    request: Callable[[dict[str, str]], BaseHTTPResponse], parameters: Mapping[str, str]
) -> BaseHTTPResponse:
    return request(dict(parameters))


def _told(endpoint: str, rows: T, rejected: int) -> T:
    """The rows as they are; says how many are not among them."""
    if rejected:
        log.warning("rows left out", endpoint=endpoint, reason="out_of_bounds", rows=rejected)
    return rows
