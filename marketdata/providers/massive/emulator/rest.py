"""The provider's REST calls, those that the platform makes: routes, keys, errors and pages.

All answers are computed from the market's own state and time. Bodies and errors follow the provider's
documentation; unknown paths answer 404 as text, as the provider's router does.
"""

import inspect
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web

from marketdata.observability import metrics
from marketdata.providers.emulator import ApiKey
from marketdata.providers.massive.emulator.bars_rest import BarsRest, DailyBars
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.emulator.odd_responses import OddAnswers
from marketdata.providers.massive.emulator.reference_rest import ReferenceRest
from marketdata.providers.massive.emulator.rest_answers import (
    PagedRows,
    Query,
    RestError,
    cursor_of,
    parameters_of,
)
from marketdata.providers.massive.emulator.snapshot_rest import SnapshotRest
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.splits import SplitHistory
from marketdata.trading_calendar.exchange import Holiday

Body: TypeAlias = Mapping[str, Any] | Sequence[Any]
Answer: TypeAlias = Body | PagedRows
Responder: TypeAlias = Callable[[Query], Answer | Awaitable[Answer]]

_ERROR_BODIES: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"status": "ERROR", "error": "Unknown API Key"},
    403: {
        "status": "NOT_AUTHORIZED",
        "message": "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing",
    },
    404: {"status": "NOT_FOUND", "message": "Ticker not found."},
    429: {
        "status": "ERROR",
        "error": "You've exceeded the maximum requests per minute, please wait or upgrade your subscription "
        "to continue. https://massive.com/pricing",
    },
}
_encoder: Final = msgspec.json.Encoder()


def build_rest_routes(
    app: web.Application,
    market: Market,
    keys: Mapping[str, ApiKey],
    faults: Faults,
    *,
    holidays: Sequence[Holiday],
    odd_answers: OddAnswers | None = None,
) -> None:
    """Add every REST route to the application; with `odd_answers` some answers are odd."""
    add_rest_routes(app, market_responders(market, holidays), keys, faults, odd_answers)


def market_responders(market: Market, holidays: Sequence[Holiday]) -> Mapping[str, Responder]:
    """The responders for a market, by path."""
    daily = DailyBars(market)
    splits = SplitHistory(market.universe, market.calendar, seed=market.seed, first_date=market.day.date)
    snapshots, bars = SnapshotRest(market, daily), BarsRest(market, daily, splits)
    reference = ReferenceRest(market, holidays, splits)
    stocks = "/v2/snapshot/locale/us/markets/stocks"
    return {
        f"{stocks}/tickers": snapshots.all_tickers,
        f"{stocks}/tickers/{{ticker}}": snapshots.one_ticker,
        f"{stocks}/{{direction:gainers|losers}}": snapshots.movers,
        "/v2/aggs/grouped/locale/us/market/stocks/{date}": bars.grouped_daily,
        "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}": bars.range,
        "/v2/aggs/ticker/{ticker}/prev": bars.previous_close,
        "/v1/marketstatus/now": reference.market_status,
        "/v1/marketstatus/upcoming": reference.upcoming_holidays,
        "/stocks/vX/float": reference.floats,
        "/v3/reference/tickers": reference.tickers,
        "/v3/reference/tickers/{ticker}": reference.ticker_details,
        "/stocks/v1/splits": reference.stock_splits,
        "/v3/reference/splits": reference.splits,
        "/v3/reference/conditions": reference.conditions,
        "/v3/reference/exchanges": reference.exchanges,
    }


def add_rest_routes(
    app: web.Application,
    responders: Mapping[str, Responder],
    keys: Mapping[str, ApiKey],
    faults: Faults,
    odd_answers: OddAnswers | None = None,
) -> None:
    """Answer these paths to clients with a key, and every other path with 404."""
    rest = _Rest(keys, faults, odd_answers)
    for path, responder in responders.items():
        app.router.add_get(path, rest.handler(path, responder))
    app.router.add_get("/{unrouted:.*}", _not_found)


async def _not_found(_request: web.Request) -> web.Response:
    return web.Response(status=404, text="404 page not found")


class _Rest:
    """Turns a responder into an HTTP handler: checks the key, applies faults, pages, renders."""

    def __init__(
        self, keys: Mapping[str, ApiKey], faults: Faults, odd_answers: OddAnswers | None = None
    ) -> None:
        self._keys: Final = keys
        self._faults: Final = faults
        self._odd_answers: Final = odd_answers
        self._request_numbers: Final = itertools.count(1)

    def handler(self, path: str, responder: Responder) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            status, body = await self._answer(request, responder)
            metrics.SIMULATOR_REQUESTS.labels(str(status)).inc()
            if self._odd_answers is not None and status == 200:
                return await self._odd_answers.respond(request, path, body)
            return web.Response(status=status, body=_encoder.encode(body), content_type="application/json")

        return handle

    async def _answer(self, request: web.Request, responder: Responder) -> tuple[int, Body]:
        number = next(self._request_numbers)
        try:
            self._admit(request)
            query = Query({**request.query, **_cursor(request), **request.match_info})
            answer = responder(query)
            if inspect.isawaitable(answer):
                answer = await answer
            if isinstance(answer, PagedRows):
                return 200, _page(request, query, answer, number)
        except RestError as error:
            body = error.body or _ERROR_BODIES.get(error.status, {"status": "ERROR", "error": "unavailable"})
            return error.status, {"request_id": f"{number:032x}", **body}
        return 200, {"request_id": f"{number:032x}", **answer} if isinstance(answer, Mapping) else answer

    def _admit(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = token if scheme == "Bearer" else request.query.get("apiKey", "")
        if key not in self._keys:
            raise RestError(401)
        status = self._faults.take_rest_status()
        if status is not None:
            raise RestError(status)


def _page(request: web.Request, query: Query, listing: PagedRows, number: int) -> Mapping[str, Any]:
    """One page of a listing, with the address of the next one while there is more."""
    offset = query.integer("offset", 0, 0, len(listing.rows))
    limit = query.integer("limit", listing.default_limit, 1, listing.max_limit)
    rows = listing.rows[offset : offset + limit]
    body: dict[str, Any] = {
        "status": "OK",
        "request_id": number if listing.integer_request_id else f"{number:032x}",
        "count": len(rows),
        **listing.extra,
    }
    if rows or not listing.omit_empty:
        body["results"] = [listing.render(row) for row in rows]
    if offset + limit < len(listing.rows):
        following = {**request.query, **_cursor(request), "offset": str(offset + limit)}
        following.pop("cursor", None)
        following.pop("apiKey", None)
        body["next_url"] = str(request.url.with_query({"cursor": cursor_of(following)}))
    return body


def _cursor(request: web.Request) -> Mapping[str, str]:
    """The query that is encoded in a cursor."""
    text = request.query.get("cursor")
    return {} if text is None else parameters_of(text)
