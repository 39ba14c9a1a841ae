"""The audit: who did what, from where, why, and with what result."""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import AwareDatetime

from mdp_site.api.control import answers
from mdp_site.api.control.pages import USUAL_ROWS, PageLimit, page_of, with_link
from mdp_site.api.operations import register
from mdp_site.api.paging import key_of
from mdp_site.api.parameters import Cursor, Format, invalid
from mdp_site.api.replies import CSV, text_reply, value_reply
from mdp_site.control_plane.csv_export import AUDIT_COLUMNS, audit_cells, csv_line
from mdp_site.control_plane.models import MAX_NAME_LENGTH, MAX_WORD_LENGTH, AuditEntry

router = Router()

LIST: Final = "audit"
LARGEST_NUMBER: Final = 2**63 - 1
_YEARS: Final = range(1970, 9991)
_TEXT: Final = r"^[^\x00-\x1f]+$"

Word: TypeAlias = Annotated[
    str | None,
    Query(min_length=1, max_length=MAX_WORD_LENGTH, pattern=_TEXT, description="Only with this one."),
]
Person: TypeAlias = Annotated[
    str | None,
    Query(min_length=1, max_length=MAX_NAME_LENGTH, pattern=_TEXT, description="Only by this one."),
]
Since: TypeAlias = Annotated[
    AwareDatetime | None, Query(description="Only from this instant on: ISO 8601 with its offset from UTC.")
]
Until: TypeAlias = Annotated[
    AwareDatetime | None, Query(description="Only before this instant: ISO 8601 with its offset from UTC.")
]


@register(
    router,
    "/audit",
    operation_id="list_audit",
    summary="The audit",
    tag="audit",
    answer=answers.AuditPage,
    example="/audit?limit=2",
    permission="operations",
    has_csv=True,
    problems=("missing_scope",),
)
async def audit(
    request: HttpRequest,
    *,
    who: Person = None,
    service: Word = None,
    action: Word = None,
    since: Since = None,
    until: Until = None,
    limit: PageLimit = USUAL_ROWS,
    cursor: Cursor = None,
    format: Format = "json",  # noqa: A002 - the name of the parameter
) -> HttpResponse:
    """The entries, the newest first. They never change."""
    after = key_of(cursor, LIST, 1)
    wanted = {
        "who": who, "service": service, "action": action,
        "at__gte": _instant("since", since), "at__lt": _instant("until", until),
        "pk__lt": None if after is None else min(int(after[0]), LARGEST_NUMBER),
    }  # fmt: skip
    given = {name: value for name, value in wanted.items() if value is not None}

    def read() -> tuple[list[AuditEntry], str | None]:
        rows: QuerySet[AuditEntry] = AuditEntry.objects.filter(**given).order_by("-pk")
        found, next_cursor = page_of(rows, limit, LIST, lambda each: (each.pk,))
        return list(found), next_cursor

    entries, next_cursor = await sync_to_async(read)()
    if format == "csv":
        lines = (csv_line(AUDIT_COLUMNS), *(csv_line(audit_cells(each)) for each in entries))
        answer = text_reply(request, "".join(lines).encode(), content_type=CSV)
    else:
        page = answers.AuditPage(entries=[_entry(each) for each in entries], next_cursor=next_cursor)
        answer = value_reply(request, page)
    return with_link(request, answer, next_cursor)


def _instant(name: str, at: datetime | None) -> datetime | None:
    if at is not None and at.year not in _YEARS:
        raise invalid("query", name, f"accepted: a year from {_YEARS.start} to {_YEARS.stop - 1}")
    return None if at is None else at.astimezone(UTC)


def _entry(entry: AuditEntry) -> answers.AuditEntryAnswer:
    return answers.AuditEntryAnswer(
        id=entry.pk,
        at=entry.at.isoformat(timespec="milliseconds"),
        who=entry.who,
        user_id=entry.user_id,
        origin=entry.origin,
        service=entry.service,
        action=entry.action,
        revision=entry.revision,
        before=entry.before,
        after=entry.after,
        reason=entry.reason,
        result=entry.result,
    )
