"""Errors as problem details for machines (RFC 9457): `application/problem+json`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from django.http import HttpResponse
from msgspec import Meta

from mdp_site.api.control.answers import RevisionAnswer

DOCS_PATH: Final = "/api/v1/docs"
CONTENT_TYPE: Final = "application/problem+json"


class ProblemKind(msgspec.Struct, frozen=True):
    """A kind of problem: the status of its answer, its title, and what the client should do."""

    status: HTTPStatus
    title: str
    advice: str


KINDS: Final[Mapping[str, ProblemKind]] = MappingProxyType(
    {
        "bad_request": ProblemKind(
            HTTPStatus.BAD_REQUEST, "The request cannot be read", "Correct the request."
        ),
        "not_logged_in": ProblemKind(
            HTTPStatus.UNAUTHORIZED,
            "Nobody is logged in",
            "Send `Authorization: Bearer <token>` with a token that is neither revoked nor expired.",
        ),
        "no_right": ProblemKind(
            HTTPStatus.FORBIDDEN,
            "The user may not read this",
            "Ask an operator for a role that permits it.",
        ),
        "missing_scope": ProblemKind(
            HTTPStatus.FORBIDDEN,
            "The token has no scope for this",
            "Make a token with the scope that `detail` names.",
        ),
        "forged": ProblemKind(
            HTTPStatus.FORBIDDEN,
            "The request may come from another site",
            "Send the CSRF token of the page as `X-CSRFToken`, from a page of this site; or use a token.",
        ),
        "forbidden": ProblemKind(HTTPStatus.FORBIDDEN, "The request is refused", "Do not repeat it."),
        "unknown_path": ProblemKind(
            HTTPStatus.NOT_FOUND, "There is nothing at this path", f"Look at {DOCS_PATH} for the paths."
        ),
        "unknown_name": ProblemKind(
            HTTPStatus.NOT_FOUND, "There is nothing with this name", "Use one of the names in `detail`."
        ),
        "no_row": ProblemKind(
            HTTPStatus.NOT_FOUND,
            "The symbol has no row",
            "It is unknown, or it has not traded since the trading day began. Ask again later.",
        ),
        "method_not_allowed": ProblemKind(
            HTTPStatus.METHOD_NOT_ALLOWED, "The path does not take this method", "Use a method of `Allow`."
        ),
        "refused": ProblemKind(
            HTTPStatus.CONFLICT,
            "The platform refuses it now",
            "Look at what `detail` says. Nothing was changed.",
        ),
        "stale_revision": ProblemKind(
            HTTPStatus.CONFLICT,
            "Somebody changed the settings meanwhile",
            "Look at `newer`, and ask again with the newest revision as `expected`.",
        ),
        "not_answered_yet": ProblemKind(
            HTTPStatus.CONFLICT,
            "The request with this key has no answer yet",
            "Wait for the seconds of `Retry-After`, then send it again with the same key.",
        ),
        "precondition_failed": ProblemKind(
            HTTPStatus.PRECONDITION_FAILED,
            "Somebody changed the settings meanwhile",
            "Look at `newer`, and ask again with the newest `ETag` as `If-Match`.",
        ),
        "too_large": ProblemKind(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long", "Send less at once."
        ),
        "unsupported_media_type": ProblemKind(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not JSON", "Send `application/json`."
        ),
        "invalid_parameter": ProblemKind(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "A parameter is not accepted",
            "Correct what `errors` points to.",
        ),
        "idempotency_key_reused": ProblemKind(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "The key belongs to another request",
            "Use a new key for each new request.",
        ),
        "precondition_required": ProblemKind(
            HTTPStatus.PRECONDITION_REQUIRED,
            "The request does not say which revision it is about",
            "Send the `ETag` of the service as `If-Match`, or `expected`. `If-Match: *` accepts any.",
        ),
        "too_many_requests": ProblemKind(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many requests",
            "Wait for the seconds of `Retry-After`. `RateLimit` says how much is left.",
        ),
        "server_error": ProblemKind(
            HTTPStatus.INTERNAL_SERVER_ERROR, "A defect of the server", "Report it to an operator."
        ),
        "unavailable": ProblemKind(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The data cannot be read now",
            "Ask again after the seconds of `Retry-After`.",
        ),
    }
)
"""Every kind of problem, by its code."""

_OF_STATUS: Final = {
    400: "bad_request",
    403: "forbidden",
    404: "unknown_path",
    405: "method_not_allowed",
    413: "too_large",
    500: "server_error",
    503: "unavailable",
}


class Fault(msgspec.Struct, frozen=True):
    """One wrong field of a request."""

    pointer: Annotated[
        str,
        Meta(
            description="A JSON pointer (RFC 6901) to the field: it begins with `#/query/`, `#/path/`, "
            "`#/header/` or `#/body/`.",
            examples=["#/query/limit"],
        ),
    ]
    detail: Annotated[str, Meta(description="What is wrong, and what is accepted.")]


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What went wrong, as RFC 9457 describes it."""

    type: Annotated[
        str,
        Meta(
            description="A reference to the description of this kind of problem.",
            examples=[f"{DOCS_PATH}#problem-invalid_parameter"],
        ),
    ]
    code: Annotated[
        str, Meta(description="The kind of problem, as one word.", examples=["invalid_parameter"])
    ]
    title: Annotated[str, Meta(description="The kind of problem in a few words.")]
    status: Annotated[int, Meta(description="The status of the answer.", examples=[422])]
    detail: Annotated[str, Meta(description="What is wrong this time, and what is accepted.")]
    errors: Annotated[Sequence[Fault], Meta(description="The wrong fields, if fields are wrong.")] = ()
    newer: Annotated[
        Sequence[RevisionAnswer],
        Meta(description="The revisions after the one that was seen, the oldest first."),
    ] = ()


class Problem(Exception):
    """A request that is answered with problem details. `code` is one of `KINDS`."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        newer: Sequence[RevisionAnswer] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.newer = newer
        self.code = code
        self.detail = detail
        self.faults = faults
        self.headers = headers


def problem_answer(problem: Problem) -> HttpResponse:
    """The answer to a request."""
    kind = KINDS[problem.code]
    body = ProblemDetails(
        type=f"{DOCS_PATH}#problem-{problem.code}",
        code=problem.code,
        title=kind.title,
        status=kind.status.value,
        detail=problem.detail,
        errors=problem.faults,
        newer=problem.newer,
    )
    answer = HttpResponse(
        msgspec.json.encode(body),
        status=kind.status.value,
        content_type=CONTENT_TYPE,
        headers=dict(problem.headers),
    )
    # Django would log each with its path. A client that repeats a wrong request could fill the log.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return answer


def pointer_part(name: str) -> str:
    """A name, cut short, as a part of a JSON pointer in a URI (RFC 6901, section 6)."""
    return quote(name[:64].replace("~", "~0").replace("/", "~1"))


def problem_of_status(status: int) -> Problem:
    """The problem for an error that another part of the site answered, such as Django's 404."""
    code = _OF_STATUS.get(
        status, "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    )
    return Problem(code, KINDS[code].advice)
