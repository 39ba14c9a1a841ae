"""Middleware for HTTP requests."""

import contextlib
import datetime as dt
import zoneinfo
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from django.utils import timezone
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import MissingFileError

from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site.addresses import client_address
from mdp_site.origins import canonical_host
from mdp_site.static_files import BUNDLE

PROBED_PATHS: Final = ("/healthz", "/readyz", "/metrics")

_log = RateLimitedLog(get_logger(__name__))


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """Sends the static files that exist when the process starts, each as one block, as they are now.

    A streamed file would be a synchronous iterator. Under ASGI, Django logs a warning for it and then reads
    it into memory anyway.

    A build may change or remove a file while the process runs. So its size and time are read at each request
    (0.1 ms): those of the start would announce another length, or let a browser keep the old file.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response with the file; that of the pages, which is 404, if there is no such file any more."""
        url = request.path_info
        with contextlib.suppress(MissingFileError, FileNotFoundError):
            if self.autorefresh:
                static_file = self.find_file(url)
            else:
                path = self.files.get(url)
                static_file = path and self.get_static_file(path, url)
            if static_file is not None:
                return self.serve(static_file, request)
        response: HttpResponseBase = self.get_response(request)
        return response

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Whether browsers may keep the file for ever, since its name has a hash of its content."""
        return url.startswith(self.static_prefix + BUNDLE) or bool(super().immutable_file_test(path, url))

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        """Note where the file of an address is."""
        if not self.is_compressed_variant(path, stat_cache=stat_cache):
            self.files[url] = path

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The response with the file, or with the range or 304 that the request's headers ask for."""
        answer = static_file.get_response(request.method, request.META)
        content = None
        if answer.file is not None:
            with contextlib.closing(answer.file):
                content = answer.file.read()
        response = HttpResponse(content or b"", status=int(answer.status))
        del response["Content-Type"]  # `answer.headers` contains it, unless the status is 304
        for name, value in answer.headers:
            response[name] = value
        if content is not None:
            response["Content-Length"] = str(len(content))  # the file may have been replaced just now
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

    Some proxies add the port (`$host:$server_port`), and some clients use upper case. Probes and scrapers ask
    by the address of a process. Their answers depend on no host, so they count as asked by the site's name.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = next(iter(settings.ALLOWED_HOSTS), "*")
        if request.path in PROBED_PATHS and name != "*":
            request.META["HTTP_HOST"] = name.removeprefix(".")
        elif host := request.META.get("HTTP_HOST"):
            request.META["HTTP_HOST"] = canonical_host(host, request.scheme or "http")
        return get_response(request)

    return middleware


def UnknownProxyMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Refuse requests of a proxy that terminates TLS and is not in `TRUSTED_PROXIES`, in production.

    To Django they come over plain HTTP. It would redirect the browser to where it is already, for ever.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        over_tls = request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"
        # A trusted proxy's header would have become the scheme.
        if not (settings.PRODUCTION and over_tls and request.scheme == "http"):
            return get_response(request)
        address = str(client_address(request))
        _log.warning("proxy not in TRUSTED_PROXIES", reason="unknown_proxy", address=address)
        return HttpResponseBadRequest(
            "This site does not know the proxy that sent this request. Its operator must add the proxy to "
            "TRUSTED_PROXIES.\n",
            content_type="text/plain; charset=utf-8",
        )

    return middleware


def TimeZoneMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Show times in the market's time zone, but those of the control plane in UTC.

    An operator compares the admin with the operations page and with logs, which are in UTC. Times in the code
    and in the database are UTC too.
    """
    zone = zoneinfo.ZoneInfo(settings.DISPLAY_TIME_ZONE)
    control_plane = reverse_lazy("admin:index")

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(dt.UTC if request.path_info.startswith(str(control_plane)) else zone):
            return get_response(request)

    return middleware
