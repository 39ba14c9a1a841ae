"""Middleware of the HTTP side."""

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
    """Sends static files in one piece. A streamed file would be a synchronous iterator, and under ASGI Django
    warns about each of those and then reads it into memory all the same.
    """

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The file, or the part or the notice that the request's headers ask for."""
        answer = static_file.get_response(request.method, request.META)
        content = b""
        if answer.file is not None:
            with contextlib.closing(answer.file):
                content = answer.file.read()
        response = HttpResponse(content, status=int(answer.status))
        del response["Content-Type"]  # a 304 has none, and everything else brings its own
        for name, value in answer.headers:
            response[name] = value
        return response


def PrivatePagesMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Have no answer kept by a browser or a cache: what Django answers is about whoever asks.

    Static files are none of its business, they are sent before.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return middleware


def CanonicalHostMiddleware(  # noqa: N802
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Spell `Host` as browsers spell origins: some proxies add the port (`$host:$server_port`), some clients
    write capitals, and neither makes another site of it.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if host := request.META.get("HTTP_HOST"):
            request.META["HTTP_HOST"] = canonical_host(host, request.scheme or "http")
        return get_response(request)

    return middleware


def MarketTimeZoneMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Show times in the market's zone. Inside, and in the database, everything stays UTC."""
    zone = zoneinfo.ZoneInfo(settings.DISPLAY_TIME_ZONE)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone):
            return get_response(request)

    return middleware
