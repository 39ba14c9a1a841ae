"""The pages of lists of the database: the rows of one page, its cursor, and the link to the next one."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeAlias, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query

from mdp_site.api.paging import cursor_of
from widgets.hub.day_lists import Key

M = TypeVar("M", bound=Model)

USUAL_ROWS: Final = 50

PageLimit: TypeAlias = Annotated[int, Query(ge=1, le=500, description="At most so many.", examples=[20])]


def page_of(
    rows: QuerySet[M], limit: int, name: str, key: Callable[[M], Key]
) -> tuple[Sequence[M], str | None]:
    """The first rows, and the cursor of the page after them; None if there are no more.

    `rows` begin after the cursor of the request. `key` is the place of a row in the list of this name.
    """
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, None
    return found[:limit], cursor_of(name, key(found[limit - 1]))


def with_link(request: HttpRequest, answer: HttpResponse, next_cursor: str | None) -> HttpResponse:
    """The answer with the address of the next page in the header `Link` (RFC 8288): CSV has no members."""
    if next_cursor is not None:
        query = request.GET.copy()
        query["cursor"] = next_cursor
        answer.headers["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return answer
