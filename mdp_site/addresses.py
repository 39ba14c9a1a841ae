"""The address of the client that sent a request."""

import ipaddress
from collections.abc import Mapping
from typing import Any, TypeAlias

from django.http import HttpRequest

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> Address | None:
    """The client's address, as the trusted proxies report it; None if they report no address.

    The zone of a link-local address is removed. An IPv4-mapped IPv6 address is returned as IPv4.
    """
    return _address(request.META.get("REMOTE_ADDR", ""))


def addresses_on_the_way(request: HttpRequest) -> list[Address | None]:
    """The client's address, and all that proxies report, also if none of them is trusted.

    None stands for a report that is no address. Any of them may be forged: use the list only to refuse.
    """
    reported = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return [
        client_address(request),
        *(_address(each.strip()) for each in reported.split(",") if each.strip()),
    ]


def handshake_address(scope: Mapping[str, Any]) -> Address | None:
    """The same for the ASGI scope of a WebSocket. None also for a connection over a local socket."""
    client = scope.get("client")
    return _address(client[0]) if client else None


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
