"""The redirect URIs that are registered for the site."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from marketdata.errors import ConfigurationError

LOOPBACK_TWINS: Final = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


def with_loopback_twins(uris: Iterable[str]) -> list[str]:
    """The redirect URIs. A URI with a loopback name is followed by the same URI with the other loopback name.

    Raises:
        ConfigurationError: a URI is not an http or https URL.
    """
    wanted: list[str] = []
    for uri in uris:
        parts = urlsplit(uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"--client-redirect-uri={uri!r} is not valid; accepted: an http(s):// URL"
            )
        wanted.append(uri)
        if twin := LOOPBACK_TWINS.get(parts.hostname):
            wanted.append(uri.replace(parts.hostname, twin, 1))
    return list(dict.fromkeys(wanted))
