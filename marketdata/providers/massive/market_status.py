"""What the provider says about the market by REST: `GET /v1/marketstatus/now`."""

import datetime as dt
from typing import Final, Literal

import msgspec
from massive import RESTClient
from massive.exceptions import BadResponse
from urllib3.exceptions import HTTPError

from marketdata.errors import ContentError, ProviderUnavailable
from marketdata.trading_calendar import MarketSession

# The sum stays below the time that a stop may take: a thread cannot be cancelled.
CONNECT_TIMEOUT_SECONDS: Final = 2.0
READ_TIMEOUT_SECONDS: Final = 3.0


class MarketStatus(msgspec.Struct, frozen=True, gc=False):
    """The session that the provider sees, and its own time (epoch milliseconds)."""

    session: MarketSession
    market_time_ms: int


class _Answer(msgspec.Struct, rename="camel"):
    market: Literal["open", "closed", "extended-hours"]
    server_time: dt.datetime
    early_hours: bool = False


_answer: Final = msgspec.json.Decoder(_Answer)


def read_market_status(body: bytes) -> MarketStatus:
    """The status in an answer's body.

    Raises:
        ContentError: reason `market_status`.
    """
    try:
        answer = _answer.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("market_status", str(error)) from error
    if answer.server_time.tzinfo is None:
        raise ContentError("market_status", f"serverTime without an offset: {answer.server_time}")
    return MarketStatus(_session_of(answer), round(answer.server_time.timestamp() * 1_000))


def _session_of(answer: _Answer) -> MarketSession:
    if answer.market == "closed":
        return MarketSession.CLOSED
    if answer.market == "open":
        return MarketSession.REGULAR
    return MarketSession.PRE_MARKET if answer.early_hours else MarketSession.AFTER_HOURS


class RestMarketStatus:
    """Asks the provider; each call blocks for a few seconds at most, so it belongs into a thread."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._client = RESTClient(
            api_key=api_key,
            base=base_url.rstrip("/"),
            retries=0,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
        )

    def __call__(self) -> MarketStatus:
        """The market's status now.

        Raises:
            ProviderUnavailable: no answer, or a refusal.
            ContentError: an answer that is not understood.
        """
        try:
            return read_market_status(self._client.get_market_status(raw=True).data)
        except (HTTPError, BadResponse) as error:
            raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
