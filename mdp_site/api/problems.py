"""Errors as problem details for machines (RFC 9457): `application/problem+json`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from django.http import HttpResponse
from msgspec import Meta

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
        "invalid_parameter": ProblemKind(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "A parameter is not accepted",
            "Correct the parameters that `errors` points to.",
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
    500: "server_error",
    503: "unavailable",
}


class Fault(msgspec.Struct, frozen=True):
    """One wrong field of a request."""

    pointer: Annotated[
        str,
        Meta(
            description="A JSON pointer (RFC 6901) to the field: `#/query/NAME` or `#/path/NAME`.",
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


class Problem(Exception):
    """A request that is answered with problem details. `code` is one of `KINDS`."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
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


def problem_of_status(status: int) -> Problem:
    """The problem for an error that another part of the site answered, such as Django's 404."""
    code = _OF_STATUS.get(
        status, "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    )
    return Problem(code, KINDS[code].advice)
