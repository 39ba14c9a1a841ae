"""The revisions of a service: all of them, one, the settings as of a time, and differences."""

from datetime import UTC
from typing import Annotated, Final

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import AwareDatetime

from marketdata.errors import ConfigurationError
from mdp_site.api.control import answers
from mdp_site.api.control.bodies import HIGHEST_REVISION
from mdp_site.api.control.pages import USUAL_ROWS, PageLimit, page_of, with_link
from mdp_site.api.control.services import steered_service
from mdp_site.api.control.steering import revision_answer
from mdp_site.api.operations import register
from mdp_site.api.paging import key_of
from mdp_site.api.parameters import Cursor, invalid
from mdp_site.api.problems import Problem
from mdp_site.api.replies import value_reply
from mdp_site.control_plane import history
from mdp_site.control_plane.history import Difference
from mdp_site.control_plane.models import Revision

router = Router()

_EARLIEST_YEAR: Final = 1970
_LATEST_YEAR: Final = 9990
Number = Annotated[
    int, Path(ge=1, le=HIGHEST_REVISION, description="The number of a revision.", examples=[1])
]
QueriedNumber = Annotated[
    int,
    Query(
        ge=0, le=HIGHEST_REVISION, description="The number of a revision. 0: the environment.", examples=[0]
    ),
]
Instant = Annotated[
    AwareDatetime,
    Query(description="An instant, as ISO 8601 with its offset from UTC.", examples=["2026-11-28T14:30:00Z"]),
]


@register(
    router,
    "/services/{service}/revisions",
    operation_id="list_revisions",
    summary="The revisions of a service",
    tag="services",
    answer=answers.RevisionPage,
    example="/services/web/revisions?limit=2",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def revisions(
    request: HttpRequest, service: str, *, limit: PageLimit = USUAL_ROWS, cursor: Cursor = None
) -> HttpResponse:
    """The revisions, the newest first."""
    steered_service(service)
    name = f"revisions of {service}"
    after = key_of(cursor, name, 1)

    def read() -> answers.RevisionPage:
        rows = Revision.objects.filter(service=service).order_by("-number")
        if after is not None:
            rows = rows.filter(number__lt=after[0])
        found, next_cursor = page_of(rows, limit, name, lambda each: (each.number,))
        return answers.RevisionPage(
            revisions=[revision_answer(each) for each in found], next_cursor=next_cursor
        )

    page = await sync_to_async(read)()
    return with_link(request, value_reply(request, page), page.next_cursor)


@register(
    router,
    "/services/{service}/revisions/{number}",
    operation_id="get_revision",
    summary="A revision",
    tag="services",
    answer=answers.RevisionAnswer,
    example="/services/web/revisions/1",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def revision(request: HttpRequest, service: str, number: Number) -> HttpResponse:
    """What operators gave to the service with this revision, and what became of it."""
    steered_service(service)
    try:
        found = await sync_to_async(history.revision)(service, number)
    except ConfigurationError as error:
        raise Problem("unknown_name", str(error)) from error
    return value_reply(request, revision_answer(found))


@register(
    router,
    "/services/{service}/settings_at",
    operation_id="get_settings_at",
    summary="The settings as of a time",
    tag="services",
    answer=answers.SettingsAt,
    example="/services/web/settings_at?at=2026-11-28T14:30:00Z",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def settings_at(request: HttpRequest, service: str, *, at: Instant) -> HttpResponse:
    """What operators had given to the service at this instant."""
    steered_service(service)
    if not _EARLIEST_YEAR <= at.year <= _LATEST_YEAR:
        raise invalid("query", "at", f"accepted: a year from {_EARLIEST_YEAR} to {_LATEST_YEAR}")
    instant = at.astimezone(UTC)
    found = await sync_to_async(history.as_of)(service, instant)
    answer = answers.SettingsAt(
        service=service,
        at=instant.isoformat(),
        revision=found.number if found else 0,
        given=found.given if found else {},
    )
    return value_reply(request, answer)


@register(
    router,
    "/services/{service}/difference",
    operation_id="get_difference",
    summary="The difference between two revisions",
    tag="services",
    answer=answers.DifferenceAnswer,
    example="/services/web/difference?before=0&after=1",
    permission="operations",
    problems=("missing_scope", "unknown_name"),
)
async def difference(
    request: HttpRequest, service: str, *, before: QueriedNumber, after: QueriedNumber
) -> HttpResponse:
    """The settings that differ."""
    steered_service(service)

    def read() -> dict[str, Difference]:
        pair = history.given_at(service, before), history.given_at(service, after)
        return dict(history.difference(*pair))

    try:
        differing = await sync_to_async(read)()
    except ConfigurationError as error:
        raise Problem("unknown_name", str(error)) from error
    answer = answers.DifferenceAnswer(
        service=service,
        before=before,
        after=after,
        settings={
            name: answers.SettingDifference(before=each.before, after=each.after)
            for name, each in differing.items()
        },
    )
    return value_reply(request, answer)
