"""Middleware of the HTTP side."""

import zoneinfo
from collections.abc import Awaitable, Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

_Response = HttpResponseBase | Awaitable[HttpResponseBase]


@sync_and_async_middleware
def MarketTimeZoneMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], _Response],
) -> Callable[[HttpRequest], _Response]:
    """Show times in the market's zone. Inside, and in the database, everything stays UTC."""
    zone = zoneinfo.ZoneInfo(settings.DISPLAY_TIME_ZONE)

    def middleware(request: HttpRequest) -> _Response:
        timezone.activate(zone)
        return get_response(request)

    return middleware
