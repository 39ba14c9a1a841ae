"""The lists of the trading day: trades of a symbol, halts, and alerts, newest first and page by page."""

import datetime as dt
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from marketdata.events import LONGEST_SYMBOL
from marketdata.schema.boards import HALTS
from marketdata.schema.stored import SCHEMA
from marketdata.trading_calendar import SessionBoundaries
from marketdata.units import MS_PER_SECOND
from mdp_site.api import answers
from mdp_site.api.operations import register
from mdp_site.api.paging import cursor_of, key_of
from mdp_site.api.parameters import (
    Columns,
    Cursor,
    Format,
    Limit,
    Symbol,
    checked_symbol,
    columns_of,
    fetched,
)
from mdp_site.api.problems import Problem
from mdp_site.api.replies import position_of, rows_reply
from mdp_site.api.services import services_of
from mdp_site.api.tables import json_rows, rows_part
from widgets.hub.day_lists import Key
from widgets.protocol import EmittedRows

USUAL_ROWS: Final = 100
ENTRY_KEY_LENGTH: Final = 5
"""How many numbers the key of a trade or an alert has."""
HALT_KEY_LENGTH: Final = 2

ALERTS: Final = {stream.feed: stream for stream in SCHEMA.streams if stream.feed}
"""The streams that clients may read, by the names of their feeds."""

router = Router()

OneSymbol = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_SYMBOL,
        description="Only the entries of this symbol.",
        examples=["AAPL"],
    ),
]


@register(
    router,
    "/trades/{path:symbol}",
    operation_id="get_trades",
    summary="The newest trades of a symbol",
    tag="trades",
    answer=answers.ListAnswer,
    example="/trades/AAPL?limit=2",
    permission="trades",
    has_position=True,
    has_csv=True,
    problems=("missing_scope",),
)
async def trades(
    request: HttpRequest,
    symbol: Symbol,
    *,
    limit: Limit = USUAL_ROWS,
    cursor: Cursor = None,
    columns: Columns = None,
    format: Format = "json",  # noqa: A002 - the name of the parameter
) -> HttpResponse:
    """The tape of a symbol, newest first: its last 1,000 trades of the day. It may be empty."""
    services = services_of(request)
    feed = services.catalog.feed(f"trades:{checked_symbol(symbol, 'path', 'symbol')}")
    wanted = columns_of(services, feed, columns)
    before = key_of(cursor, feed.name, ENTRY_KEY_LENGTH)
    snapshot, state = await fetched(services, feed)
    page = await services.day_lists.trades(feed, before=before, most=limit)
    position = position_of(services, snapshot, state)
    rows = rows_part(page.rows, slice(None), wanted)
    return _page(request, position, rows, cursor_of(feed.name, page.last), format)


@register(
    router,
    "/halts",
    operation_id="list_halts",
    summary="The symbols that were halted today",
    tag="halts",
    answer=answers.ListAnswer,
    example="/halts?limit=2",
    permission="boards",
    has_position=True,
    has_csv=True,
    problems=("missing_scope",),
)
async def halts(
    request: HttpRequest,
    *,
    limit: Limit = USUAL_ROWS,
    cursor: Cursor = None,
    columns: Columns = None,
    format: Format = "json",  # noqa: A002 - the name of the parameter
) -> HttpResponse:
    """Every symbol that was halted today, the newest halt first.

    `/alerts/halts` has each halt and each resumption.
    """
    services = services_of(request)
    feed = services.catalog.feed(HALTS)
    wanted = columns_of(services, feed, columns)
    before = key_of(cursor, feed.name, HALT_KEY_LENGTH)
    snapshot, state = await fetched(services, feed)
    position = position_of(services, snapshot, state)
    began = _halt_times(snapshot.rows)
    start = 0 if before is None else _place_after(began, before)
    end = min(start + limit, len(began))
    last: Key | None = None
    if end < len(began):
        last = (began[end - 1], end - began.index(began[end - 1]))
    rows = rows_part(snapshot.rows, slice(start, end), wanted)
    return _page(request, position, rows, cursor_of(feed.name, last), format)


def _place_after(began: list[float], key: Key) -> int:
    """The place after the rows that a client has. `key`: their oldest time, and how many of them have it."""
    time_ms, count = key
    older = next((place for place, each in enumerate(began) if each < time_ms), len(began))
    equal = began.count(time_ms)
    return older - equal + min(equal, max(0, int(count)))


def _halt_times(rows: EmittedRows) -> list[float]:
    times: list[float] = rows.values[:, rows.columns.index("halt_timestamp")].tolist() if rows.symbols else []
    return times


@register(
    router,
    "/alerts/{name}",
    operation_id="list_alert_entries",
    summary="The alerts of today",
    tag="alerts",
    answer=answers.ListAnswer,
    example="/alerts/daily_range_hod_alert?limit=2",
    permission="alerts",
    has_position=True,
    has_csv=True,
    problems=("missing_scope", "unknown_name"),
)
async def alert_entries(
    request: HttpRequest,
    name: str,
    *,
    limit: Limit = USUAL_ROWS,
    cursor: Cursor = None,
    symbol: OneSymbol = None,
    columns: Columns = None,
    format: Format = "json",  # noqa: A002 - the name of the parameter
) -> HttpResponse:
    """The entries of a list of alerts since the trading day began, newest first.

    The cache keeps the newest 2,000 publications of each shard. A day with more has lost its oldest ones.
    """
    services = services_of(request)
    if name not in ALERTS:
        raise Problem("unknown_name", f"no such list of alerts; there are {', '.join(ALERTS)}")
    feed = services.catalog.feed(name)
    only = "" if symbol is None else checked_symbol(symbol, "query", "symbol")
    wanted = columns_of(services, feed, columns)
    before = key_of(cursor, feed.name, ENTRY_KEY_LENGTH)
    snapshot, state = await fetched(services, feed)
    at = [snapshot.position]
    # A board has the time also without alerts. It is not waited for: alerts need no scanner.
    if (ranking := await services.hub.fetch(services.catalog.feed(HALTS), 0.0)) is not None:
        at.append(ranking.position)
    page = await services.day_lists.entries(
        feed,
        snapshot.position,
        since_ms=day_start_ms(max(each.market_time_ms for each in at), settings.MARKET_HOURS),
        before=before,
        most=limit,
        symbol=only,
    )
    position = position_of(services, snapshot, state)
    rows = rows_part(page.rows, slice(None), wanted)
    return _page(request, position, rows, cursor_of(feed.name, page.last), format)


def day_start_ms(market_time_ms: int, boundaries: SessionBoundaries) -> int:
    """The last time at or before an instant at which a trading day may begin: 04:00 in New York by default.

    Both are epoch milliseconds. No events come on a weekend, so it need not know the dates of sessions.
    """
    zone = ZoneInfo(boundaries.time_zone)
    now = dt.datetime.fromtimestamp(market_time_ms / MS_PER_SECOND, tz=zone)
    start = dt.datetime.combine(now.date(), boundaries.day_start, tzinfo=zone)
    if start > now:
        start = dt.datetime.combine(now.date() - dt.timedelta(days=1), boundaries.day_start, tzinfo=zone)
    return round(start.timestamp() * MS_PER_SECOND)


def _page(
    request: HttpRequest, position: answers.Position, rows: EmittedRows, next_cursor: str | None, format_: str
) -> HttpResponse:
    """A page. The next one is also in the header `Link` (RFC 8288), since a CSV file has no members."""
    members = msgspec.structs.asdict(position)

    def body() -> bytes:
        page = answers.ListAnswer(
            **members, columns=rows.columns, rows=json_rows(rows), next_cursor=next_cursor
        )
        return msgspec.json.encode(page)

    answer = rows_reply(request, position, rows, format_, body)
    if next_cursor is not None:
        query = request.GET.copy()
        query["cursor"] = next_cursor
        answer.headers["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return answer
