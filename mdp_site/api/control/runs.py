"""The runs of actions: what became of them."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from asgiref.sync import sync_to_async
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from marketdata.errors import ConfigurationError
from mdp_site.api.control import answers
from mdp_site.api.control.pages import USUAL_ROWS, PageLimit, page_of, with_link
from mdp_site.api.operations import register
from mdp_site.api.paging import key_of
from mdp_site.api.parameters import Cursor
from mdp_site.api.problems import Problem
from mdp_site.api.replies import value_reply
from mdp_site.control_plane.actions.running import run_of
from mdp_site.control_plane.models import ActionRun
from mdp_site.control_plane.presentation import run_values
from widgets.hub.day_lists import Key

router = Router()

LIST: Final = "runs"
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_HALF: Final = 64
RunId = Annotated[
    uuid.UUID,
    Path(description="The id of a run.", examples=["0b8d3f60-5d1a-4a5e-9c3c-2f6a8f0d7e11"]),
]


def run_answer(run: ActionRun) -> answers.RunAnswer:
    """A run, with what became of it."""
    return msgspec.convert(run_values(run), answers.RunAnswer)


@register(
    router,
    "/runs",
    operation_id="list_runs",
    summary="The runs of actions",
    tag="actions",
    answer=answers.RunPage,
    example="/runs?limit=2",
    permission="operations",
    problems=("missing_scope",),
)
async def runs(request: HttpRequest, *, limit: PageLimit = USUAL_ROWS, cursor: Cursor = None) -> HttpResponse:
    """The runs, the newest first."""
    after = key_of(cursor, LIST, 3)

    def read() -> answers.RunPage:
        rows = ActionRun.objects.order_by("-at", "-pk")
        if after is not None:
            rows = rows.filter(_older(after))
        found, next_cursor = page_of(rows, limit, LIST, _key)
        return answers.RunPage(runs=[run_answer(each) for each in found], next_cursor=next_cursor)

    page = await sync_to_async(read)()
    return with_link(request, value_reply(request, page), page.next_cursor)


@register(
    router,
    "/runs/{run}",
    operation_id="get_run",
    summary="A run of an action",
    tag="actions",
    answer=answers.RunAnswer,
    example="/runs/{run}",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def run(request: HttpRequest, run: RunId) -> HttpResponse:
    """What became of a run: `pending`, then `applied`, `refused` or `overtaken`."""
    try:
        found = await sync_to_async(run_of)(str(run))
    except ConfigurationError as error:
        raise Problem("unknown_name", str(error)) from error
    return value_reply(request, run_answer(found))


def _key(run: ActionRun) -> Key:
    """The place of a run in the list: its time in microseconds, and the two halves of its id."""
    return ((run.at - _EPOCH) // timedelta(microseconds=1), run.pk.int >> _HALF, run.pk.int % (1 << _HALF))


def _older(key: Key) -> Q:
    microseconds, *halves = map(int, key)
    try:
        at = _EPOCH + timedelta(microseconds=microseconds)
        number = uuid.UUID(int=(halves[0] << _HALF) + halves[1])
    except (OverflowError, ValueError):
        return Q(pk__in=())  # no run has such a place
    return Q(at__lt=at) | Q(at=at, pk__lt=number)
