"""Two web processes behind nginx, with the configuration that docs/web-server.md shows."""

import asyncio
import contextlib
import html
import os
import random
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from marketdata.schema.boards import ALL_BOARDS, TOP_GAINERS
from tests.support.deadlines import eventually, scaled
from tests.support.nginx import NAME
from tests.support.proxied_site import MOST_PER_ADDRESS, WITHIN_SECONDS, Loopback, ProxiedSite
from tests.support.widget_site import Market, WidgetClient
from widgets.protocol import SUBPROTOCOL_V2

pytestmark = pytest.mark.redis

TICK_SECONDS: Final = 0.25
MOST_WAITING_BYTES: Final = 3_000_000
FORGED: Final = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}


@pytest.fixture(scope="module")
def proxied(redis_url: str) -> Iterator[ProxiedSite]:
    with ProxiedSite(redis_url, f"test-proxy-{os.getpid()}") as running:
        yield running


@pytest.fixture
async def http(proxied: ProxiedSite) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(resolver=Loopback(), ssl=proxied.proxy.trusting())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture
async def market(proxied: ProxiedSite, redis_url: str) -> AsyncIterator[Market]:
    made = Market(redis_url, proxied.keys)
    yield made
    await made.close()


async def test_pages_and_static_files_come_through(proxied: ProxiedSite, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{proxied.proxy.url}/accounts/login/") as answer:
        page = await answer.text()
    assert (answer.status, "<form" in page) == (200, True)
    async with http.get(f"{proxied.proxy.url}/static/admin/css/base.css") as answer:
        assert (answer.status, answer.content_type) == (200, "text/css")
    plain = f"http://{NAME}:{proxied.proxy.plain_port}/x?y=1"
    async with http.get(plain, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/x?y=1")


async def test_the_login_form_is_accepted_from_the_public_origin(
    proxied: ProxiedSite, http: aiohttp.ClientSession
) -> None:
    """The web process must see scheme, name and port of the browser: CSRF compares them with `Origin`."""
    url = f"{proxied.proxy.url}/accounts/login/"
    async with http.get(url) as answer:
        page = await answer.text()
    hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    action = re.search(r'<form[^>]*action="([^"]+)"', page)
    assert hidden
    assert action
    statuses = []
    for origin in (proxied.proxy.url, "https://elsewhere.example"):
        async with http.post(
            f"{proxied.proxy.url}{html.unescape(action[1])}",
            data={"csrfmiddlewaretoken": hidden[1]},
            headers={"Origin": origin, "Referer": url},
            allow_redirects=False,
        ) as answer:
            statuses.append(answer.status)
    assert statuses == [503, 403], "the first form reaches the login, whose provider is away"


async def test_a_websocket_comes_through_with_compression(proxied: ProxiedSite, market: Market) -> None:
    await market.board(TOP_GAINERS, {"AAPL": {"close": 1.5}})
    async with proxied.connect() as connection:
        assert connection.response is not None
        extensions = connection.response.headers["Sec-WebSocket-Extensions"]
        assert extensions.startswith("permessage-deflate")
        client = await proxied.client(connection)
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        await client.table(TOP_GAINERS, lambda table: [row[:2] for row in table] == [["AAPL", 1.5]])


async def test_limits_count_the_clients_address_and_no_forged_one(proxied: ProxiedSite) -> None:
    await eventually(proxied.are_free, WITHIN_SECONDS)
    most = MOST_PER_ADDRESS * len(proxied.processes)
    async with contextlib.AsyncExitStack() as held:
        for _ in range(most):
            await proxied.client(await held.enter_async_context(proxied.connect("127.0.0.3", **FORGED)))
        for forged in ({}, FORGED, {"X-Forwarded-For": "127.0.0.1"}):
            with pytest.raises(InvalidStatus) as refused:
                await held.enter_async_context(proxied.connect("127.0.0.3", **forged))
            assert refused.value.response.status_code == 503
        await proxied.client(await held.enter_async_context(proxied.connect("127.0.0.4")))
    entries = proxied.logged("client cut off")
    assert {entry["address"] for entry in entries if entry["reason"] == "address_connections"} == {
        "127.0.0.3"
    }


async def test_a_forged_address_from_a_stranger_beside_the_proxy_changes_nothing(
    proxied: ProxiedSite,
) -> None:
    """Only 127.0.0.1 is a trusted proxy. A stranger who reaches the process itself is not one."""
    process = proxied.processes[0]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://127.0.0.1:{process.port}/ws/",
            local_addr=("127.0.0.9", 0),
            proxy=None,
            subprotocols=[Subprotocol(SUBPROTOCOL_V2)],
            additional_headers={"Authorization": "Bearer wrong", **FORGED},
        ):
            pass
    assert refused.value.response.status_code == 403
    await eventually(lambda: proxied.logged("websocket refused"), WITHIN_SECONDS)
    assert {entry["address"] for entry in proxied.logged("websocket refused")} == {"127.0.0.9"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: %s\r\nX-Long: " % NAME.encode() + b"x" * 9_000 + b"\r\n\r\n", 400),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: %s\r\n\r\n" % NAME.encode(), 414),
    ],
    ids=["header", "address"],
)
def test_a_huge_head_is_answered_by_nginx(proxied: ProxiedSite, head: bytes, status: int) -> None:
    with proxied.proxy.connect() as client:
        client.sendall(head)
        answer = client.recv(4_096)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Server: nginx" in answer


def test_half_a_head_is_ended_by_nginx(proxied: ProxiedSite) -> None:
    with proxied.proxy.connect() as client:
        client.settimeout(scaled(WITHIN_SECONDS))
        client.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert client.recv(1) == b""
    assert "slow_head" not in {entry["reason"] for entry in proxied.logged("client cut off")}


def test_another_name_gets_no_page(proxied: ProxiedSite) -> None:
    with socket.create_connection(("127.0.0.1", proxied.proxy.plain_port), scaled(5)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
        assert client.recv(1) == b""


async def test_a_slow_client_is_noticed_through_nginx_before_much_waits(
    proxied: ProxiedSite, market: Market
) -> None:
    await eventually(proxied.are_free, WITHIN_SECONDS)
    async with proxied.connect_unread() as connection:
        client = await proxied.client(connection)
        await client.say(type="subscribe", feeds=list(ALL_BOARDS))

        async def is_blocked() -> bool:
            for board in ALL_BOARDS:
                rows = {f"S{row:03}": {"close": random.uniform(1, 1_000)} for row in range(500)}
                await market.board(board, rows)
            await asyncio.sleep(TICK_SECONDS)
            return proxied.metric(process, "mdp_widget_blocked_connections") == 1

        process = await asyncio.to_thread(proxied.serving)
        await eventually(is_blocked, WITHIN_SECONDS)
        assert proxied.metric(process, "mdp_widget_sent_bytes_total") < MOST_WAITING_BYTES
        connection.transport.abort()


async def test_clients_of_a_killed_process_resume_on_the_other_one(
    redis_url: str, unique_prefix: str
) -> None:
    with ProxiedSite(redis_url, unique_prefix, WEB_CONNECTIONS_PER_PROCESS="1") as proxied:
        market = Market(redis_url, proxied.keys)
        try:
            await resume_after(proxied, market, signal.SIGKILL, 1006)
        finally:
            await market.close()


async def test_a_drained_process_says_1012_and_a_full_one_1013_through_nginx(
    redis_url: str, unique_prefix: str
) -> None:
    with ProxiedSite(redis_url, unique_prefix, WEB_CONNECTIONS_PER_PROCESS="1") as proxied:
        market = Market(redis_url, proxied.keys)
        try:
            await resume_after(proxied, market, signal.SIGTERM, 1012)
        finally:
            await market.close()
        async with proxied.connect() as held:
            await proxied.client(held)
            async with proxied.connect() as refused:
                assert await WidgetClient(refused).closed() == 1013
                assert str(refused.close_reason).startswith("reconnect: ")


async def resume_after(proxied: ProxiedSite, market: Market, end: signal.Signals, code: int) -> None:
    """End the process that serves a client. It must go on with the other one, from its position."""
    rows = {f"S{number:03}": {"close": 1.0} for number in range(200)}
    await market.board(TOP_GAINERS, rows)
    async with proxied.connect() as connection:
        client = await proxied.client(connection)
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        copy = await client.table(TOP_GAINERS, bool)
        served_by = proxied.serving()
        other = next(each for each in proxied.processes if each is not served_by)
        os.kill(served_by.pid, end)
        assert await client.closed() == code
    await market.board(TOP_GAINERS, rows | {"S007": {"close": 2.0}})
    async with asyncio.timeout(scaled(WITHIN_SECONDS)), proxied.connect() as connection:
        client = await proxied.client(connection)
        client.copies[TOP_GAINERS] = copy
        await client.say(type="subscribe", feeds=[{"feed": TOP_GAINERS, **copy.position}])
        await client.table(TOP_GAINERS, lambda table: [row[1] for row in table if row[0] == "S007"] == [2.0])
        assert (copy.snapshots, proxied.connections(other)) == (1, 1), copy.kinds
