"""Middleware for what is below `/api/`: HEAD, compression, caching, and problem details for every error."""

import gzip
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from marketdata.observability import metrics
from mdp_site.api.access import RATE_HEADERS
from mdp_site.api.problems import CONTENT_TYPE, DOCS_PATH, problem_answer, problem_of_status

BELOW: Final = "/api/"
SHORTEST_COMPRESSED_BYTES: Final = 1_024
_ACCEPTS_GZIP: Final = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")


def ApiMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Make what every answer below `/api/` has in common. It encloses the middleware that may answer errors.

    Answers may be kept by the client alone, and must be compared with the server's each time (`no-cache`).
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(BELOW) or request.path_info == DOCS_PATH:
            return get_response(request)
        asked, request.method = request.method, "GET" if request.method == "HEAD" else request.method
        answer = get_response(request)
        request.method = asked
        if (
            answer.status_code >= HTTPStatus.BAD_REQUEST
            and answer.headers.get("Content-Type") != CONTENT_TYPE
        ):
            answer = _as_problem(answer)
        answer.headers["Cache-Control"] = "private, no-cache"
        patch_vary_headers(answer, ("Authorization", "Cookie"))
        for name, value in getattr(request, RATE_HEADERS, {}).items():
            answer.headers[name] = value
        operation = request.resolver_match.url_name if request.resolver_match else None
        metrics.API_REQUESTS.labels(operation or "none", str(answer.status_code)).inc()
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            answer.headers.pop("Content-Length", None)  # it would be that of the whole answer (RFC 9110, 8.6)
        elif isinstance(answer, HttpResponse):
            _compress(request, answer)
        return answer

    return middleware


def _compress(request: HttpRequest, answer: HttpResponse) -> None:
    """Compress a large answer for a client that accepts it. A quick level: a board of 280 kB takes 2 ms."""
    if len(answer.content) < SHORTEST_COMPRESSED_BYTES:
        return
    patch_vary_headers(answer, ("Accept-Encoding",))
    if _ACCEPTS_GZIP.search(request.headers.get("Accept-Encoding", "")):
        answer.content = gzip.compress(answer.content, compresslevel=1, mtime=0)
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.content))


def _as_problem(answer: HttpResponseBase) -> HttpResponse:
    """Problem details in place of a page. Headers that say more than the page stay, such as `Allow`."""
    made = problem_answer(problem_of_status(answer.status_code))
    made.status_code = answer.status_code
    for name, value in answer.headers.items():
        if name not in {"Content-Type", "Content-Length"}:
            made.headers[name] = value
    if "GET" in made.headers.get("Allow", ""):
        made.headers["Allow"] += ", HEAD"
    made.headers["Content-Length"] = str(len(made.content))
    return made
