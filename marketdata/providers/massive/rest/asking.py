"""Sends requests to the REST service: attempts, threads, limits and counts.

The SDK is synchronous and the event loop must not wait, so requests are sent from threads. A request is
repeated with backoff while the provider is overloaded or unreachable. The SDK's own retries are off: they
sleep in the thread, cannot be interrupted and are not counted.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from massive.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.observability import metrics
from marketdata.observability.foreign_text import TextFilter
from marketdata.observability.logs import get_logger
from marketdata.runtime.backoff import Backoff

CONCURRENT_REQUESTS: Final = 4
ATTEMPTS: Final = 8
UNREADABLE_ATTEMPTS: Final = 3
"""An answer that was cut in transit is usually complete the next time; a wrong answer stays wrong."""

T = TypeVar("T")

log = get_logger(__name__)


class Asking:
    """Sends requests and reads their answers.

    The errors that it raises can be shown: the provider's texts in them are bounded and without `secret`.
    After `patience_seconds` from its creation no request is repeated: a job that is stopped for taking too
    long would store nothing.
    """

    def __init__(
        self,
        secret: str,
        *,
        attempts: int,
        make_backoff: Callable[[], Backoff] | None,
        patience_seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._patient_until = self._clock.monotonic() + (
            math.inf if patience_seconds is None else patience_seconds
        )
        self._shown = TextFilter(secret)
        self._attempts = attempts
        self._make_backoff = make_backoff or _default_backoff
        self._threads = ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="rest")
        # A separate thread: answers must not wait behind the requests that are still to be sent.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="rest answers")
        self._requests = 0
        self._left_out: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """Requests sent so far, repeated ones included."""
        return self._requests

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many rows of the answers were not used so far, by endpoint and reason."""
        return dict(self._left_out)

    def close(self) -> None:
        """Begin no more requests; running ones may finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def ask(self, endpoint: str, request: Callable[[], Any], read: Callable[[bytes], T]) -> T:
        """The answer as `read` understands it; both callables run in threads.

        Raises:
            ProviderUnavailable: overloaded or unreachable, after several attempts.
            ProviderRefused: the provider refused the request.
            ContentError: `read` did not understand the answer, after several attempts.
        """
        backoff = self._make_backoff()
        unreadable = 0
        while True:
            try:
                answer = await self.in_thread(read, await self._send(request))
            except MarketDataError as error:
                shown = self._fit_to_show(error)
                metrics.REFERENCE_REQUESTS.labels(endpoint=endpoint, outcome=_outcome(shown)).inc()
                unreadable += isinstance(error, ContentError)
                last = backoff.attempts + 1 >= self._attempts or unreadable >= UNREADABLE_ATTEMPTS
                if last or isinstance(error, ProviderRefused):
                    # A chained error would show the unbounded text, with the secret, in every traceback.
                    raise shown from None
                delay = backoff.next_delay_seconds()
                if self._clock.monotonic() + delay > self._patient_until:
                    raise shown from None
                log.warning(
                    "request failed", endpoint=endpoint, error=str(shown), retry_in_seconds=round(delay, 1)
                )
                await asyncio.sleep(delay)
            else:
                metrics.REFERENCE_REQUESTS.labels(endpoint=endpoint, outcome="ok").inc()
                return answer

    async def _send(self, request: Callable[[], Any]) -> bytes:
        self._requests += 1
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(self._threads, request)
        except HTTPError as error:  # 429 and 5xx arrive as MaxRetryError too
            raise ProviderUnavailable(str(error)) from error
        except BadResponse as error:
            raise ProviderUnavailable(str(error)) from error
        data: bytes = response.data
        return data

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Process an answer in a thread: a megabyte of JSON would block the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, work, *arguments)

    def _fit_to_show(self, error: MarketDataError) -> MarketDataError:
        """The same error with the provider's text bounded and without our key."""
        if isinstance(error, ProviderRefused | ContentError):
            detail = self._shown(str(error).removeprefix(error.reason).removeprefix(": "))
            return type(error)(error.reason, detail)
        return type(error)(self._shown(str(error)))

    def leave_out(self, endpoint: str, counts: Mapping[str, int]) -> None:
        """Count rows that are not used, and log them."""
        for reason, rows in counts.items():
            if rows:
                self._left_out[f"{endpoint}: {reason}"] += rows
                metrics.REFERENCE_ROWS_LEFT_OUT.labels(kind=endpoint, reason=reason).inc(rows)
                log.warning("rows left out", endpoint=endpoint, reason=reason, rows=rows)


def _default_backoff() -> Backoff:
    # Up to a minute: the free plan's quota of five requests is per minute.
    return Backoff(initial_seconds=1.0, maximum_seconds=60.0, minimum_seconds=0.5)


def _outcome(error: MarketDataError) -> str:
    if isinstance(error, ContentError):
        return "unreadable"
    return error.reason if isinstance(error, ProviderRefused) else "unavailable"
