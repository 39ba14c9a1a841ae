"""Middleware of the HTTP side."""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone


def MarketTimeZoneMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Show times in the market's zone. Inside, and in the database, everything stays UTC."""
    zone = zoneinfo.ZoneInfo(settings.DISPLAY_TIME_ZONE)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone):
            return get_response(request)

    return middleware
