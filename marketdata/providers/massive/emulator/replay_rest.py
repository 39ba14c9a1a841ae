"""The REST calls of a replay: the market's status at the recorded time, and reference data if it can be had.

Reference data is not part of a recording. When it says from which seed its synthetic market was drawn, the
same market answers again, as it was at the start of the replay; otherwise every such call is refused as
not included in the plan, which the platform is made for: it runs without those columns.
"""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from aiohttp import web

from marketdata.providers.emulator import ApiKey
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.emulator.reference_rest import status_of_market
from marketdata.providers.massive.emulator.rest import Answer, Responder, add_rest_routes, market_responders
from marketdata.providers.massive.emulator.rest_answers import Query, RestError
from marketdata.recording.format import Metadata
from marketdata.synthetic_market.activity import DEFAULT_PROFILE, PROFILES
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.universe import build_universe
from marketdata.trading_calendar import CalendarRangeError, MarketSession, TradingCalendar

STATUS_PATH: Final = "/v1/marketstatus/now"
_REFERENCE_PATHS: Final = (
    "/v2/snapshot/locale/us/markets/stocks/{rest:.*}",
    "/v2/aggs/grouped/locale/us/market/stocks/{date}",
    "/v2/aggs/ticker/{rest:.*}",
    "/v1/marketstatus/upcoming",
    "/stocks/vX/float",
    "/stocks/v1/splits",
    "/v3/reference/{rest:.*}",
)


def build_replay_routes(
    app: web.Application,
    metadata: Metadata,
    calendar: TradingCalendar,
    keys: Mapping[str, ApiKey],
    faults: Faults,
    *,
    start_ms: int,
    market_time_ms: Callable[[], int],
) -> None:
    """Add every REST route; `market_time_ms` says where the replay is, `start_ms` where it begins."""
    responders: dict[str, Responder] = dict(_reference_responders(metadata, calendar, start_ms))

    def market_status(_query: Query) -> Answer:
        now_ms = market_time_ms()
        return status_of_market(_session_at(calendar, now_ms), calendar.local_time(now_ms))

    responders[STATUS_PATH] = market_status
    add_rest_routes(app, responders, keys, faults)


def _reference_responders(
    metadata: Metadata, calendar: TradingCalendar, start_ms: int
) -> Mapping[str, Responder]:
    seed, symbol_count = metadata.simulator_seed, metadata.simulator_symbols
    if seed is None or symbol_count is None:
        return dict.fromkeys(_REFERENCE_PATHS, _refuse)
    market = Market(
        build_universe(seed, symbol_count), calendar, PROFILES[DEFAULT_PROFILE], seed=seed, start_ms=start_ms
    )
    return market_responders(market, ())


def _refuse(_query: Query) -> NoReturn:
    raise RestError(403)


def _session_at(calendar: TradingCalendar, time_ms: int) -> MarketSession:
    try:
        return calendar.session_at(time_ms)
    except CalendarRangeError:
        return MarketSession.CLOSED
