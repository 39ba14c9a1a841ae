"""Hosts and origins in one spelling: small letters, and no port where it is the scheme's own (RFC 6454)."""

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def canonical_host(host: str, scheme: str) -> str:
    """The value of a `Host` header as browsers write it."""
    return host.lower().removesuffix(DEFAULT_PORTS[scheme])


def canonical_origin(text: str) -> str:
    """An origin (or the origin of a URL) as browsers write it; empty when it is none."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS or not parts.netloc or "@" in parts.netloc:
        return ""
    return f"{scheme}://{canonical_host(parts.netloc, scheme)}"


def public_origin(request: HttpRequest) -> str:
    """The origin under which this visitor sees the site.

    That is the origin of SITE_URL for its host, whatever port and scheme a proxy passes on; other names of
    ALLOWED_HOSTS (on one machine: `localhost` beside `127.0.0.1`) keep their own.
    """
    site = canonical_origin(settings.SITE_URL)
    own = canonical_origin(f"{request.scheme}://{request.get_host()}")
    return site if urlsplit(site).hostname == urlsplit(own).hostname else own
