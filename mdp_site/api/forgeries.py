"""Whether a request by session comes from a page of this site.

A browser sends the cookie of a session with every request, whoever made the page. So a change by session
needs what only a page of this site has: Django's CSRF token, in the header `X-CSRFToken`. Browsers name the
page's origin with each change (Fetch standard, "append a request Origin header"), so it must be there.
"""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware


class _Check(CsrfViewMiddleware):
    """Django's check, which gives its reason instead of a page."""

    def _reject(self, _request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(reason)


def _checked(_request: HttpRequest) -> HttpResponse:
    """Stands for a view that is not exempt from the check. It is never called."""
    return HttpResponse()


_CHECK: Final = _Check(_checked)


def forgery(request: HttpRequest) -> str:
    """Why a request could come from another site; empty if it comes from this one."""
    if "Origin" not in request.headers:
        return "the request has no Origin; accepted: one of this site, with the CSRF token as X-CSRFToken"
    answer = _CHECK.process_view(request, _checked, (), {})
    return "" if answer is None else answer.content.decode().removesuffix(".")
