"""The provider's market status by REST: `GET /v1/marketstatus/now`.

An answer that contradicts itself, or has an impossible time, is refused.
"""

import datetime as dt
from typing import Annotated, Any, Final

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
from marketdata.units import MS_PER_SECOND, NS_PER_MS

# The sum stays below the time that a stop may take: a thread cannot be cancelled.
CONNECT_TIMEOUT_SECONDS: Final = 2.0
READ_TIMEOUT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 3.0
BODY_BYTES: Final = 1024 * 1024

_CLOSED: Final = "closed"
_EXTENDED_HOURS: Final = "extended-hours"
_MARKETS: Final = ("open", _CLOSED, _EXTENDED_HOURS)


class MarketStatus(msgspec.Struct, frozen=True, gc=False):
    """The session that the provider sees, and its own time (epoch milliseconds)."""

    session: MarketSession
    market_time_ms: int


class MarketAnswer(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An unchecked answer. Its time can be used even if its fields about the session make no sense."""

    server_time: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    market: Any = None
    early_hours: Any = None
    after_hours: Any = None

    @property
    def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds."""
        return round(self.server_time.timestamp() * MS_PER_SECOND)

    @property
    def session(self) -> MarketSession:
        """The session that the provider sees.

        Raises:
            ContentError: reason `market_status`: the fields are not understood, or contradict each other.
        """
        if self.market not in _MARKETS or not (_is_flag(self.early_hours) and _is_flag(self.after_hours)):
            raise self._refused("is not understood")
        early, late = bool(self.early_hours), bool(self.after_hours)
        is_extended = self.market == _EXTENDED_HOURS
        # Both flags true, or both false, give no session; an absent flag does not count as false.
        neither = self.early_hours is False and self.after_hours is False
        if (early and late) or (is_extended and neither) or (not is_extended and (early or late)):
            raise self._refused("contradicts itself")
        if is_extended:
            return MarketSession.PRE_MARKET if early else MarketSession.AFTER_HOURS
        return MarketSession.CLOSED if self.market == _CLOSED else MarketSession.REGULAR

    def _refused(self, why: str) -> ContentError:
        words = f"market {self.market}, earlyHours {self.early_hours}, afterHours {self.after_hours}"
        return ContentError("market_status", f"{why}: {words}")


_answer: Final = msgspec.json.Decoder(MarketAnswer)


def _is_flag(flag: object) -> bool:
    return flag is None or isinstance(flag, bool)


def read_market_status(body: bytes) -> MarketAnswer:
    """The answer in a body.

    Raises:
        ContentError: reason `market_status`: it is not understood, or has no time with an offset.
        ProviderUnavailable, ProviderRefused: see `open_envelope`.
    """
    open_envelope(body, "market_status")
    return read_json(_answer, body, "market_status")


class RestMarketStatus:
    """Asks the provider. A call may block for a few seconds, so it must run in a thread."""

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
            ContentError: an answer that is not understood, or has an impossible time.
        """
        try:
            answer = read_market_status(self._client.get_market_status(raw=True).data)
            session = answer.session
        except (HTTPError, BadResponse, ProviderUnavailable, ProviderRefused) as error:
            # A chained error would show the provider's text in every traceback.
            raise ProviderUnavailable(self._shown(f"{type(error).__name__}: {error}")) from None
        except ContentError as error:
            raise ContentError(error.reason, self._shown(str(error))) from None
        now_ms = self._clock.time_ns() // NS_PER_MS
        market_time_ms = checked_time_ms(answer.market_time_ms, rest_url=self._base_url, now_ms=now_ms)
        return MarketStatus(session, market_time_ms)
