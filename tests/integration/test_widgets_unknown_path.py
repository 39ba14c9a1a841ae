"""A WebSocket at a path that has none is refused, not answered with an error of ours."""

import asyncio

import pytest
from django.conf import settings

from tests.support.raw_client import UPGRADE, RawClient
from tests.support.widget_site import WidgetSite, logged_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("target", [b"/ws", b"/", b"http://x/ws/", b"/ws/more"])
async def test_a_socket_at_another_path_is_refused_with_what_is_accepted(
    site: WidgetSite, target: bytes
) -> None:
    cookie = f"Cookie: {settings.SESSION_COOKIE_NAME}={await logged_in('ada')}\r\nOrigin: {site.origin}\r\n"
    request = UPGRADE.replace(b"/ws/", target, 1).replace(b"Host: x", f"Host: 127.0.0.1:{site.port}".encode())
    with RawClient(site.port) as client:
        client.send(request + cookie.encode() + b"\r\n")
        answer = await asyncio.to_thread(client.rest)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"accepted: /ws/" in answer
