"""The frame of every operation: its texts, who may call it, and the errors that it answers."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeAlias

import msgspec
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import ValidationError

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability.logs import get_logger
from mdp_site.api.access import Access, caller_of
from mdp_site.api.control.bodies import check_body
from mdp_site.api.control.idempotency import HEADER as IDEMPOTENCY_KEY
from mdp_site.api.control.idempotency import answered_once
from mdp_site.api.parameters import away, refuse_unknown_parameters, unavailable
from mdp_site.api.problems import Fault, Problem, problem_answer
from widgets.hub.feeds import UnknownFeedError

Operation: TypeAlias = Callable[..., Awaitable[HttpResponse]]

_log = get_logger(__name__)


class Described(msgspec.Struct, frozen=True):
    """What the document says of an operation beside its parameters.

    `headers` are names of headers that a request may have. `problems` are codes of problems. `example` is a
    path with query, and `example_body` the body to it.
    """

    answer: type[msgspec.Struct]
    permission: str
    has_position: bool
    has_csv: bool
    problems: tuple[str, ...]
    example: str
    method: str = "GET"
    body: type[msgspec.Struct] | None = None
    example_body: Mapping[str, Any] | None = None
    headers: tuple[str, ...] = ()
    may_take_time: bool = False


DESCRIBED: Final[dict[str, Described]] = {}
"""Every operation, by its id."""

USUAL_PROBLEMS: Final = (
    "not_logged_in",
    "no_right",
    "method_not_allowed",
    "invalid_parameter",
    "too_many_requests",
    "server_error",
    "unavailable",
)


CHANGE_PROBLEMS: Final = ("bad_request", "forged", "too_large", "unsupported_media_type")
"""Those of operations with a body."""
KEY_PROBLEMS: Final = ("not_answered_yet", "idempotency_key_reused")
"""Those of operations that take an idempotency key."""


def register(
    router: Router,
    path: str,
    *,
    operation_id: str,
    summary: str,
    tag: str,
    answer: type[msgspec.Struct],
    example: str,
    permission: str = "",
    has_position: bool = False,
    has_csv: bool = False,
    problems: tuple[str, ...] = (),
    method: str = "GET",
    body: type[msgspec.Struct] | None = None,
    example_body: Mapping[str, Any] | None = None,
    headers: tuple[str, ...] = (),
    may_take_time: bool = False,
) -> Callable[[Operation], Operation]:
    """Decorator of an operation. Its docstring is its description.

    `example`: a path with query that is answered while the market trades AAPL; `{run}` and `{token}` stand
    for those that there are. `may_take_time`: the answer is 202 until its outcome is known.
    """
    if method == "POST":
        headers = (*headers, IDEMPOTENCY_KEY)
    DESCRIBED[operation_id] = Described(
        answer=answer,
        permission=permission,
        has_position=has_position,
        has_csv=has_csv,
        problems=(
            *USUAL_PROBLEMS,
            *(CHANGE_PROBLEMS if method != "GET" else ()),
            *(KEY_PROBLEMS if method == "POST" else ()),
            *problems,
        ),
        example=example,
        method=method,
        body=body,
        example_body=example_body,
        headers=headers,
        may_take_time=may_take_time,
    )

    def put_into_router(view: Operation) -> Operation:
        parameters = [name for name in inspect.signature(view).parameters if name != "request"]
        accepted = [name for name in parameters if f"{name}}}" not in path]

        @wraps(view)
        async def strict(request: HttpRequest, **values: Any) -> HttpResponse:
            refuse_unknown_parameters(request, accepted)
            if method == "GET":
                return await view(request, **values)
            check_body(request)
            if method == "POST":
                return await answered_once(
                    request, caller_of(request).user_id, lambda: view(request, **values)
                )
            return await view(request, **values)

        register_in_router = router.api_operation(
            [method],
            path,
            auth=Access(permission, operation_id, changes=method != "GET"),
            operation_id=operation_id,
            url_name=operation_id,
            summary=summary,
            description=inspect.getdoc(view),
            tags=[tag],
        )
        registered: Operation = register_in_router(strict)
        return registered

    return put_into_router


def answer_errors(api: NinjaAPI) -> None:
    """Answer every error of an operation with problem details."""
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Problem: lambda _request, problem: problem_answer(problem),
        ValidationError: _on_invalid,
        UnknownFeedError: lambda _request, error: problem_answer(Problem("unknown_name", str(error))),
        StoreUnavailable: lambda _request, error: problem_answer(away(error)),
        ContentError: lambda _request, error: problem_answer(away(error)),
        DatabaseError: _on_database_away,
        InterfaceError: _on_database_away,
        Exception: _on_defect,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _on_invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    faults = [Fault("#/" + "/".join(map(str, each["loc"])), each["msg"]) for each in error.errors]
    detail = "; ".join(f"{each.pointer.rpartition('/')[2]}: {each.detail}" for each in faults)
    return problem_answer(Problem("invalid_parameter", detail, faults=faults))


def _on_database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    _log.warning("API request without database", path=request.path, error=type(error).__name__)
    return problem_answer(unavailable("the database cannot be asked now; a change may have been stored"))


def _on_defect(request: HttpRequest, error: Exception) -> HttpResponse:
    _log.error("API request failed", path=request.path, exc_info=error)
    return problem_answer(
        Problem("server_error", "the server failed at this request; its log has the reason")
    )
