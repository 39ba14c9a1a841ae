"""Middleware for HTTP requests."""

import contextlib
import zoneinfo
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from whitenoise.middleware import WhiteNoiseMiddleware

from mdp_site.origins import canonical_host


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """Sends each static file as one block.

    A streamed file would be a synchronous iterator. Under ASGI, Django logs a warning for it and then reads
    it into memory anyway.
    """

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The response with the file, or with the range or 304 that the request's headers ask for."""
        answer = static_file.get_response(request.method, request.META)
        content = b""
        if answer.file is not None:
            with contextlib.closing(answer.file):
                content = answer.file.read()
        response = HttpResponse(content, status=int(answer.status))
        del response["Content-Type"]  # `answer.headers` contains it, unless the status is 304
        for name, value in answer.headers:
            response[name] = value
        return response


def PrivatePagesMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Forbid browsers and caches to store responses, because pages depend on the user.

    Static files are not affected: `StaticFilesMiddleware` comes before and answers them.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return middleware


def CanonicalHostMiddleware(  # noqa: N802
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Write `Host` as browsers write origins: in lower case, and without a default port.

    Some proxies add the port (`$host:$server_port`), and some clients use upper case.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if host := request.META.get("HTTP_HOST"):
            request.META["HTTP_HOST"] = canonical_host(host, request.scheme or "http")
        return get_response(request)

    return middleware


def MarketTimeZoneMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Show times in the market's time zone. Times in the code and in the database stay UTC."""
    zone = zoneinfo.ZoneInfo(settings.DISPLAY_TIME_ZONE)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone):
            return get_response(request)

    return middleware
