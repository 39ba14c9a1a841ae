"""The address of the client that sent a request."""

import ipaddress

from django.http import HttpRequest


def client_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's address, as the trusted proxies report it; None if they report no address.

    The zone of a link-local address is removed. An IPv4-mapped IPv6 address is returned as IPv4.
    """
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
