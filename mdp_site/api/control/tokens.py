"""The tokens of all users: operators see them, and revoke them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from mdp_site.accounts.journal import TOKEN_REVOKED, note_token
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.scopes import scopes_in
from mdp_site.api.access import caller_of
from mdp_site.api.control import answers
from mdp_site.api.control.audit import LARGEST_NUMBER
from mdp_site.api.control.bodies import Revocation, body_of
from mdp_site.api.control.pages import USUAL_ROWS, PageLimit, page_of, with_link
from mdp_site.api.control.steering import json_answer, refusals_as_problems
from mdp_site.api.operations import register
from mdp_site.api.paging import key_of
from mdp_site.api.parameters import Cursor
from mdp_site.api.problems import Problem
from mdp_site.api.replies import value_reply
from mdp_site.control_plane.actors import acting_as
from mdp_site.control_plane.changes import check_reason

router = Router()

LIST: Final = "tokens"
UserName = Annotated[
    str | None,
    Query(min_length=1, max_length=150, pattern=r"^[^\x00-\x1f]+$", description="Only those of this user."),
]
TokenNumber = Annotated[
    int, Path(ge=1, le=LARGEST_NUMBER, description="The number of a token.", examples=[1])
]


@register(
    router,
    "/tokens",
    operation_id="list_tokens",
    summary="The tokens of users",
    tag="tokens",
    answer=answers.TokenPage,
    example="/tokens?limit=2",
    permission="control",
    problems=("missing_scope",),
)
async def tokens(
    request: HttpRequest, *, user: UserName = None, limit: PageLimit = USUAL_ROWS, cursor: Cursor = None
) -> HttpResponse:
    """The tokens, the newest first, also those that ended."""
    after = key_of(cursor, LIST, 1)

    def read() -> answers.TokenPage:
        rows = ApiToken.objects.get_queryset().select_related("user").order_by("-pk")
        if user is not None:
            rows = rows.filter(user__username=user)
        if after is not None:
            rows = rows.filter(pk__lt=min(int(after[0]), LARGEST_NUMBER))
        found, next_cursor = page_of(rows, limit, LIST, lambda each: (each.pk,))
        return answers.TokenPage(tokens=[_token(each) for each in found], next_cursor=next_cursor)

    page = await sync_to_async(read)()
    return with_link(request, value_reply(request, page), page.next_cursor)


@register(
    router,
    "/tokens/{token}/revoke",
    operation_id="revoke_token",
    summary="Revoke a token",
    tag="tokens",
    method="POST",
    body=Revocation,
    answer=answers.TokenRecord,
    example="/tokens/{token}/revoke",
    example_body={"reason": "the laptop is lost"},
    permission="control",
    problems=("missing_scope", "unknown_name"),
)
async def revoke(request: HttpRequest, token: TokenNumber) -> HttpResponse:
    """End a token for ever, and close its connections. One that has ended stays as it is."""
    body = body_of(request, Revocation)
    caller = caller_of(request)
    actor = caller.actor(request)

    def end() -> answers.TokenRecord | None:
        found = ApiToken.objects.get_queryset().select_related("user").filter(pk=token).first()
        if found is not None and found.revoked_at is None:
            with acting_as(lambda: actor):
                found.revoke()
                note_token(TOKEN_REVOKED, found, by=caller.user_id, why=body.reason)
        return None if found is None else _token(found)

    with refusals_as_problems("reason"):
        check_reason(body.reason)
    ended = await sync_to_async(end)()
    if ended is None:
        raise Problem("unknown_name", f"there is no token {token}; accepted: the id of a token")
    return json_answer(ended, HTTPStatus.OK)


def _token(token: ApiToken) -> answers.TokenRecord:
    return answers.TokenRecord(
        id=token.pk,
        user=token.user.get_username(),
        name=token.name,
        begins_with=token.prefix,
        scopes=scopes_in(token.scopes),
        created_at=token.created_at.isoformat(timespec="seconds"),
        last_used_at=_time(token.last_used_at),
        expires_at=_time(token.expires_at),
        revoked_at=_time(token.revoked_at),
    )


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
