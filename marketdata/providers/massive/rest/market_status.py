"""What the provider says about the market by REST: `GET /v1/marketstatus/now`.

One odd answer is as good as none: one that contradicts itself, or whose time cannot be.
"""

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec
from massive.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, ProviderRefused, ProviderUnavailable
from marketdata.observability.foreign_text import TextFilter
from marketdata.providers.massive.rest.bounded_http import bounded_client
from marketdata.providers.massive.rest.envelope import open_envelope, read_json
from marketdata.providers.massive.rest.provider_clock import checked_time_ms
from marketdata.trading_calendar import MarketSession

# The sum stays below the time that a stop may take: a thread cannot be cancelled.
CONNECT_TIMEOUT_SECONDS: Final = 2.0
READ_TIMEOUT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 3.0
BODY_BYTES: Final = 1024 * 1024


class MarketStatus(msgspec.Struct, frozen=True, gc=False):
    """The session that the provider sees, and its own time (epoch milliseconds)."""

    session: MarketSession
    market_time_ms: int


class _Time(msgspec.Struct, rename="camel"):
    server_time: Annotated[dt.datetime, msgspec.Meta(tz=True)]


class _Answer(msgspec.Struct, rename="camel"):
    market: Literal["open", "closed", "extended-hours"]
    server_time: dt.datetime
    early_hours: bool | None = None
    after_hours: bool | None = None


_time: Final = msgspec.json.Decoder(_Time)
_answer: Final = msgspec.json.Decoder(_Answer)


def read_market_time_ms(body: bytes) -> int:
    """The provider's own time alone, epoch milliseconds, whatever the answer says of the session.

    Raises:
        ContentError: reason `market_status`: not understood.
        ProviderUnavailable, ProviderRefused: see `open_envelope`.
    """
    open_envelope(body, "market_status")
    return round(read_json(_time, body, "market_status").server_time.timestamp() * 1_000)


def read_market_status(body: bytes) -> MarketStatus:
    """The status in an answer's body.

    Raises:
        ContentError: reason `market_status`: not understood, or the answer contradicts itself.
        ProviderUnavailable, ProviderRefused: see `open_envelope`.
    """
    open_envelope(body, "market_status")
    answer = read_json(_answer, body, "market_status")
    if answer.server_time.tzinfo is None:
        raise ContentError("market_status", f"serverTime without an offset: {answer.server_time}")
    return MarketStatus(_session_of(answer), round(answer.server_time.timestamp() * 1_000))


def _session_of(answer: _Answer) -> MarketSession:
    early, late = bool(answer.early_hours), bool(answer.after_hours)
    is_extended = answer.market == "extended-hours"
    # Both told and both denied is no session either; what is not told is not denied.
    neither = answer.early_hours is False and answer.after_hours is False
    if (early and late) or (is_extended and neither) or (not is_extended and (early or late)):
        raise ContentError(
            "market_status",
            f"contradicts itself: market {answer.market}, earlyHours {early}, afterHours {late}",
        )
    if answer.market == "closed":
        return MarketSession.CLOSED
    if answer.market == "open":
        return MarketSession.REGULAR
    return MarketSession.PRE_MARKET if early else MarketSession.AFTER_HOURS


class RestMarketStatus:
    """Asks the provider; each call blocks for a few seconds at most, so it belongs into a thread."""

    def __init__(self, base_url: str, api_key: str, *, clock: Clock | None = None) -> None:
        self._base_url = base_url
        self._clock = clock or SystemClock()
        self._shown = TextFilter(api_key)
        self._client = bounded_client(
            base_url,
            api_key,
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
            read_seconds=READ_TIMEOUT_SECONDS,
            answer_seconds=ANSWER_SECONDS,
            body_bytes=BODY_BYTES,
        )

    def __call__(self) -> MarketStatus:
        """The market's status now.

        Raises:
            ProviderUnavailable: no answer, or a refusal.
            ContentError: an answer that is not understood, or a time that cannot be.
        """
        try:
            status = read_market_status(self._client.get_market_status(raw=True).data)
        except (HTTPError, BadResponse, ProviderUnavailable, ProviderRefused) as error:
            # The chain would carry the provider's words into every traceback.
            raise ProviderUnavailable(self._shown(f"{type(error).__name__}: {error}")) from None
        except ContentError as error:
            raise ContentError(error.reason, self._shown(str(error))) from None
        now_ms = self._clock.time_ns() // 1_000_000
        checked_time_ms(status.market_time_ms, rest_url=self._base_url, now_ms=now_ms)
        return status
