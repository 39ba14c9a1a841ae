"""The provider's REST service, asked from threads: the SDK is synchronous, and the loop must not wait.

Each request is tried again with backoff while the provider is overloaded or away; the SDK's own retries
are off, as they sleep in the thread, cannot be interrupted and are not counted.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

from massive import RESTClient
from massive.exceptions import BadResponse
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from marketdata.errors import MarketDataError, ProviderUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger, route_library_logger
from marketdata.reference import wire
from marketdata.runtime.backoff import Backoff

CONCURRENT_REQUESTS: Final = 4
ATTEMPTS: Final = 8
FLOATS_PAGE_ROWS: Final = 5_000
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
        self._requests = 0

    @property
    def requests(self) -> int:
        """Requests sent so far, repeated ones included."""
        return self._requests

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds."""
        body = await self._ask("market_status", lambda: self._client.get_market_status(raw=True))
        return wire.read_market_time_ms(body)

    async def daily_bars(self, date: dt.date) -> Sequence[wire.DailyBar]:
        """Every symbol's bar of one session, adjusted for splits; none when there was no session."""
        body = await self._ask(
            "grouped_daily",
            lambda: self._client.get_grouped_daily_aggs(date.isoformat(), adjusted=True, raw=True),
        )
        bars, rejected = await self._parse(wire.read_daily_bars, body)
        _tell_rejected("grouped_daily", rejected)
        return bars

    async def floats(self) -> Sequence[wire.Float]:
        """The free float of every symbol that has one."""
        found: list[wire.Float] = []
        parameters: Mapping[str, str] | None = {}
        while parameters is not None:
            page = await self._float_page(parameters)
            found += page.floats
            parameters = page.next_parameters
        return found

    async def _float_page(self, parameters: Mapping[str, str]) -> wire.FloatPage:
        def request() -> BaseHTTPResponse:
            response: BaseHTTPResponse = self._client.list_stocks_floats(
                limit=FLOATS_PAGE_ROWS, params=dict(parameters), raw=True
            )
            return response

        page = await self._parse(wire.read_float_page, await self._ask("floats", request))
        _tell_rejected("floats", page.rejected)
        return page

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
        return await asyncio.get_running_loop().run_in_executor(self._threads, read, body)


def _default_backoff() -> Backoff:
    # Up to a minute: the free plan's quota of five requests is per minute.
    return Backoff(initial_seconds=1.0, maximum_seconds=60.0, minimum_seconds=0.5)


def _counted(endpoint: str, error: MarketDataError) -> MarketDataError:
    outcome = getattr(error, "reason", "unavailable")
    metrics.REFERENCE_REQUESTS.labels(endpoint=endpoint, outcome=outcome).inc()
    return error


def _tell_rejected(endpoint: str, rejected: int) -> None:
    if rejected:
        log.warning("rows left out", endpoint=endpoint, reason="out_of_bounds", rows=rejected)
