"""The newest state of the market: boards, rows of symbols, and the state of the data."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from marketdata.events import LONGEST_SYMBOL
from mdp_site.api import answers
from mdp_site.api.operations import register
from mdp_site.api.parameters import (
    MOST_ROWS,
    MOST_SYMBOLS,
    Columns,
    Format,
    Limit,
    Symbol,
    checked_symbol,
    columns_of,
    fetched,
    invalid,
    status_of,
)
from mdp_site.api.problems import Problem
from mdp_site.api.replies import feed_reply, position_of, positions_reply, rows_reply, value_reply
from mdp_site.api.services import services_of
from mdp_site.api.tables import json_rows, rows_part
from widgets.hub.feeds import Feed, FeedCatalog
from widgets.protocol import EmittedRows, FeedSnapshot

BOARD_PREFIX: Final = "scanners:"

router = Router()

Symbols = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_SYMBOLS * (LONGEST_SYMBOL + 1),
        description=f"1 to {MOST_SYMBOLS} symbols, separated by commas.",
        examples=["AAPL,MSFT"],
    ),
]


def board_feed(catalog: FeedCatalog, board: str) -> Feed:
    """The feed of a board that a path names.

    Raises:
        Problem: there is no such board.
    """
    name = BOARD_PREFIX + board
    if name not in catalog.names:
        boards = [each.removeprefix(BOARD_PREFIX) for each in catalog.names if each.startswith(BOARD_PREFIX)]
        raise Problem("unknown_name", f"no such board; there are {', '.join(boards)}")
    return catalog.feed(name)


@register(
    router,
    "/boards/{board}",
    operation_id="get_board",
    summary="The rows of a board",
    tag="boards",
    answer=answers.TableAnswer,
    example="/boards/top_gainers?limit=2&columns=close",
    permission="boards",
    has_position=True,
    has_csv=True,
    problems=("missing_scope", "unknown_name"),
)
async def board_rows(
    request: HttpRequest,
    board: str,
    *,
    limit: Limit = MOST_ROWS,
    columns: Columns = None,
    format: Format = "json",  # noqa: A002 - the name of the parameter
) -> HttpResponse:
    """The newest ranking of a board, at most 500 symbols. The position of a row is its rank."""
    services = services_of(request)
    feed = board_feed(services.catalog, board)
    wanted = columns_of(services, feed, columns)
    snapshot, state = await fetched(services, feed)
    position = position_of(services, snapshot, state)
    rows = rows_part(snapshot.rows, slice(limit), wanted)
    return rows_reply(request, position, rows, format, lambda: _table(position, rows))


def _table(position: answers.Position, rows: EmittedRows) -> bytes:
    members = msgspec.structs.asdict(position)
    return msgspec.json.encode(answers.TableAnswer(**members, columns=rows.columns, rows=json_rows(rows)))


@register(
    router,
    "/quotes",
    operation_id="get_quotes",
    summary="The rows of some symbols",
    tag="quotes",
    answer=answers.QuotesAnswer,
    example="/quotes?symbols=AAPL,MSFT&columns=close,volume",
    permission="quotes",
    problems=("missing_scope",),
)
async def quotes(request: HttpRequest, symbols: Symbols, columns: Columns = None) -> HttpResponse:
    """The newest rows of up to 50 symbols, in the order asked for. A symbol without a row is in `missing`."""
    services = services_of(request)
    named = dict.fromkeys(checked_symbol(each, "query", "symbols") for each in symbols.split(","))
    if len(named) > MOST_SYMBOLS:
        raise invalid("query", "symbols", f"{len(named)} symbols; accepted: 1 to {MOST_SYMBOLS}")
    feeds = [services.catalog.feed(f"quote:{symbol}") for symbol in named]
    wanted = columns_of(services, feeds[0], columns)
    read = await asyncio.gather(*(fetched(services, feed) for feed in feeds))
    state = status_of(services).state
    snapshots = [snapshot for snapshot, _ in read]
    positions = [position_of(services, snapshot, state) for snapshot in snapshots]

    def body() -> bytes:
        found = zip(positions, snapshots, strict=True)
        rows = [_quote(position, snapshot, wanted) for position, snapshot in found if snapshot.rows.symbols]
        missing = [snapshot.symbol for snapshot in snapshots if not snapshot.rows.symbols]
        return msgspec.json.encode(answers.QuotesAnswer(state=state, quotes=rows, missing=missing))

    return positions_reply(request, positions, state, body)


@register(
    router,
    "/quotes/{path:symbol}",
    operation_id="get_quote",
    summary="The row of a symbol",
    tag="quotes",
    answer=answers.QuoteAnswer,
    example="/quotes/AAPL?columns=close,volume",
    permission="quotes",
    has_position=True,
    problems=("missing_scope", "no_row"),
)
async def quote(request: HttpRequest, symbol: Symbol, columns: Columns = None) -> HttpResponse:
    """The newest row of a symbol, with all columns that are shown to clients."""
    services = services_of(request)
    feed = services.catalog.feed(f"quote:{checked_symbol(symbol, 'path', 'symbol')}")
    wanted = columns_of(services, feed, columns)
    snapshot, state = await fetched(services, feed)
    if not snapshot.rows.symbols:
        raise Problem("no_row", f"{symbol} is unknown, or has not traded since the trading day began")
    position = position_of(services, snapshot, state)
    return feed_reply(request, position, lambda: msgspec.json.encode(_quote(position, snapshot, wanted)))


def _quote(position: answers.Position, snapshot: FeedSnapshot, columns: Sequence[str]) -> answers.QuoteAnswer:
    rows = bytes(json_rows(rows_part(snapshot.rows, slice(1), columns)))
    return answers.QuoteAnswer(
        **msgspec.structs.asdict(position), row=msgspec.Raw(rows[1:-1])
    )  # the one of the array


@register(
    router,
    "/status",
    operation_id="get_status",
    summary="The state of the data",
    tag="status",
    answer=answers.DataStatus,
    example="/status",
)
async def data_status(request: HttpRequest) -> HttpResponse:
    """Whether the data is fresh and, if not, why: the same as `status` of the socket."""
    status = status_of(services_of(request))
    value = answers.DataStatus(
        state=status.state,
        age_ms=status.age_ms,
        detail=status.detail,
        opens_ms=status.opens_ms,
        feed_delay_ms=status.feed_delay_ms,
        lost_events=status.lost_events,
    )
    return value_reply(request, value, state=status.state)
