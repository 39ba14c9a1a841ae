"""The canonical form of hosts and origins: lower case, without the default port of the scheme (RFC 6454)."""

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def canonical_host(host: str, scheme: str) -> str:
    """The value of a `Host` header as browsers write it."""
    return host.lower().removesuffix(DEFAULT_PORTS[scheme])


def canonical_origin(text: str) -> str:
    """An origin, or the origin of a URL, as browsers write it; empty if the text is neither."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS or not parts.netloc or "@" in parts.netloc:
        return ""
    return f"{scheme}://{canonical_host(parts.netloc, scheme)}"


def public_origin(request: HttpRequest) -> str:
    """The origin of the site as this visitor sees it.

    If the request has the host of SITE_URL, it is the origin of SITE_URL: a proxy may pass on another port
    and scheme. For other names in ALLOWED_HOSTS (`localhost`, `127.0.0.1`) it is the origin of the request.
    """
    site = canonical_origin(settings.SITE_URL)
    own = canonical_origin(f"{request.scheme}://{request.get_host()}")
    return site if urlsplit(site).hostname == urlsplit(own).hostname else own
