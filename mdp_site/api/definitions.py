"""The definitions of what there is: boards, lists of alerts, columns and feeds."""

from collections.abc import Collection
from typing import Final

from django.http import HttpRequest, HttpResponse
from ninja import Router

from marketdata.schema import ColumnInfo
from marketdata.schema.stored import COLUMNS, SCHEMA
from mdp_site.api import answers
from mdp_site.api.access import caller_of
from mdp_site.api.day_lists import ALERTS
from mdp_site.api.market import BOARD_PREFIX
from mdp_site.api.operations import register
from mdp_site.api.problems import Problem
from mdp_site.api.replies import value_reply
from mdp_site.api.services import services_of
from widgets.hub.feeds import FeedCatalog

router = Router()


@register(
    router,
    "/boards",
    operation_id="list_boards",
    summary="All boards",
    tag="boards",
    answer=answers.BoardList,
    example="/boards",
)
async def boards(request: HttpRequest) -> HttpResponse:
    """The boards, with the column by which each ranks, and all of its columns."""
    return value_reply(request, _BOARDS)


_BOARDS: Final = answers.BoardList(
    boards=[
        answers.BoardDefinition(
            name=board.name.removeprefix(BOARD_PREFIX),
            feed=board.name,
            label=board.label,
            description=board.description,
            ranked_by=board.ranked_by,
            direction=board.direction,
            columns=SCHEMA.board_columns(board),
        )
        for board in SCHEMA.boards
    ]
)


@register(
    router,
    "/alerts",
    operation_id="list_alerts",
    summary="All lists of alerts",
    tag="alerts",
    answer=answers.AlertLists,
    example="/alerts",
)
async def alert_lists(request: HttpRequest) -> HttpResponse:
    """The lists of alerts, with the columns of their entries."""
    return value_reply(request, _ALERTS)


_ALERTS: Final = answers.AlertLists(
    alerts=[
        answers.AlertDefinition(
            name=feed, label=stream.label, description=stream.description, columns=stream.entry_columns
        )
        for feed, stream in ALERTS.items()
    ]
)


@register(
    router,
    "/columns",
    operation_id="list_columns",
    summary="The definitions of all columns",
    tag="columns",
    answer=answers.ColumnList,
    example="/columns",
)
async def columns(request: HttpRequest) -> HttpResponse:
    """What each number means: its unit and its exact definition. docs/metrics.md has the same."""
    return value_reply(request, _COLUMNS)


@register(
    router,
    "/columns/{name}",
    operation_id="get_column",
    summary="The definition of a column",
    tag="columns",
    answer=answers.ColumnDefinition,
    example="/columns/close",
    problems=("unknown_name",),
)
async def column(request: HttpRequest, name: str) -> HttpResponse:
    """What the numbers of one column mean."""
    if (info := COLUMNS.get(name)) is None:
        raise Problem("unknown_name", f"no such column; there are {', '.join(COLUMNS)}")
    return value_reply(request, _definition(info))


def _definition(info: ColumnInfo) -> answers.ColumnDefinition:
    return answers.ColumnDefinition(
        name=info.name,
        label=info.label,
        unit=info.unit,
        decimals=info.decimals,
        description=info.description,
        definition=info.definition,
        codes={str(code): meaning for code, meaning in info.codes.items()},
    )


_COLUMNS: Final = answers.ColumnList(columns=[_definition(info) for info in COLUMNS.values()])


@register(
    router,
    "/feeds",
    operation_id="list_feeds",
    summary="All feeds of the socket",
    tag="feeds",
    answer=answers.FeedList,
    example="/feeds",
)
async def feeds(request: HttpRequest) -> HttpResponse:
    """The feeds that the WebSocket at `/ws/` has, and whether this user and token may read them."""
    permissions = caller_of(request).permissions
    return value_reply(request, _feed_list(services_of(request).catalog, permissions))


def _feed_list(catalog: FeedCatalog, permissions: Collection[str]) -> answers.FeedList:
    return answers.FeedList(
        feeds=[
            answers.FeedDefinition(
                name=name,
                permission=kind.permission,
                permitted=kind.permission in permissions,
                columns=kind.feeds[name],
                most_columns=bounds.most_columns if (bounds := kind.bounds.get(name)) else None,
                fastest_hz=min(kind.tick_hz, bounds.fastest_hz) if bounds else kind.tick_hz,
            )
            for kind in catalog.kinds.values()
            for name in kind.feeds
        ]
    )
