"""What clients live through when something fails: slow readers, a store that goes away, logins that end."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from pytest_django import Settings
from websockets.client import ClientProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from marketdata.observability import metrics
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from tests.support.deadlines import POLL_SECONDS, eventually, scaled
from tests.support.outboxes import waiting_frames
from tests.support.services import ValkeyServer
from tests.support.widget_site import Rows, WidgetSite, logged_in, use_layer
from widgets.protocol import SUBPROTOCOL_V2

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def site(redis_url: str, unique_prefix: str, settings: Settings) -> AsyncIterator[WidgetSite]:
    use_layer(settings, redis_url, unique_prefix)
    async with WidgetSite(redis_url, Keys(f"{unique_prefix}:"), recheck_seconds=1.0) as running:
        yield running


def full_board(generation: int) -> Rows:
    return {f"S{i:03}": {"close": generation + i / 8, "avg_volume": 1e9} for i in range(500)}


def closed_as(reason: str) -> float:
    return float(metrics.WIDGET_CLOSED.labels(reason)._value.get())


class NeverReadingClient:
    """Opens a WebSocket, subscribes, and never reads a byte after the handshake."""

    def __init__(self, site: WidgetSite, session_key: str) -> None:
        self._site = site
        self._session_key = session_key
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)

    async def subscribe(self, feed: str) -> None:
        loop = asyncio.get_running_loop()
        protocol = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{self._site.port}/ws/"),
            origin=Origin(self._site.origin),
            subprotocols=[Subprotocol(SUBPROTOCOL_V2)],
        )
        handshake = protocol.connect()
        handshake.headers["Cookie"] = f"mdp_session={self._session_key}"
        protocol.send_request(handshake)
        self._socket.setblocking(False)
        await loop.sock_connect(self._socket, ("127.0.0.1", self._site.port))
        await loop.sock_sendall(self._socket, b"".join(protocol.data_to_send()))
        while protocol.handshake_exc is None and protocol.state.name == "CONNECTING":
            protocol.receive_data(await loop.sock_recv(self._socket, 256))
        protocol.send_text(f'{{"type":"subscribe","feeds":["{feed}"]}}'.encode())
        await loop.sock_sendall(self._socket, b"".join(protocol.data_to_send()))

    def close(self) -> None:
        self._socket.close()


async def test_a_client_that_never_reads_is_bounded_closed_and_delays_nobody(site: WidgetSite) -> None:
    session_key = await logged_in("ada")
    never_reading = NeverReadingClient(site, session_key)
    closed_before = closed_as("too_slow")
    async with site.client(session_key) as healthy:
        await never_reading.subscribe(TOP_GAINERS)
        await healthy.say(type="subscribe", feeds=[TOP_GAINERS])
        await eventually(lambda: len(waiting_frames(site.hub)) == 2, 5.0)
        generation, slowest = 0, 0.0
        while closed_as("too_slow") == closed_before:
            generation += 1
            assert generation < 200, "the client that never reads was not closed"
            await site.market.board(TOP_GAINERS, full_board(generation))
            frame = await healthy.frame(lambda frame: frame.get("feed") == TOP_GAINERS)
            slowest = max(slowest, frame["age_ms"])
            assert max(waiting_frames(site.hub)) <= 2  # one of the feed, one status
        assert slowest < scaled(1_000)
        await eventually(lambda: len(waiting_frames(site.hub)) == 1, 10.0)
    never_reading.close()


async def test_a_store_that_restarts_empty_is_reported_as_away_then_feeds_are_fresh_on_the_same_socket(
    private_store: ValkeyServer, settings: Settings
) -> None:
    use_layer(settings, private_store.url, "site")
    async with (
        WidgetSite(private_store.url, Keys(), recheck_seconds=0.5) as site,
        site.client(await logged_in("ada")) as client,
    ):
        await client.say(type="subscribe", feeds=[TOP_GAINERS, "quote:AAPL"])
        await site.market.row("AAPL", close=1.0)
        await site.market.board(TOP_GAINERS, {"AAPL": {"close": 1.0}})
        await client.of_type("snapshot", TOP_GAINERS)
        async with site.heartbeats():
            await client.frame(lambda frame: frame.get("state") == "live")

        await asyncio.to_thread(private_store.stop)
        await client.frame(lambda frame: frame.get("state") == "cache_away", within_seconds=10.0)
        await asyncio.to_thread(private_store.start)

        async with site.heartbeats():
            await client.frame(lambda frame: frame.get("state") == "live", within_seconds=15.0)
            await site.market.row("AAPL", close=2.0)
            # As a snapshot, or as the delta after one with what the heartbeats had stored again.
            await client.table("quote:AAPL", lambda rows: rows == [["AAPL", 2.0]])
            await site.market.board(TOP_GAINERS, {"MSFT": {"close": 2.0}})
            board = await client.table(TOP_GAINERS, lambda rows: ["MSFT", 2.0] in rows)
            assert board.frames > 1
        await client.say(type="ping", id=1)
        await client.of_type("pong")


@pytest.mark.parametrize("everything", [False, True], ids=["this session", "all of the user"])
async def test_a_notice_that_the_session_ended_closes_its_connections(
    site: WidgetSite, everything: bool
) -> None:
    session_key, same_users_other = await logged_in("ada"), await logged_in("ada")
    async with site.client(session_key) as client, site.client(same_users_other) as other:
        user = await database_sync_to_async(get_user_model().objects.get)(username="ada")
        notice = {
            "type": "session.ended",
            "session_key": None if everything else session_key,
            "token_id": None,
        }
        concerned = [client, other] if everything else [client]
        async with asyncio.timeout(scaled(5.0)):
            # Again and again: a connection may still be on its way into the group.
            while any(member.connection.close_code != 4401 for member in concerned):
                await get_channel_layer().group_send(f"user.{user.pk}", notice)
                await asyncio.sleep(POLL_SECONDS)
        if not everything:
            await other.say(type="ping", id=1)
            await other.of_type("pong")


async def test_a_session_that_ended_without_a_notice_is_found_out(site: WidgetSite) -> None:
    session_key = await logged_in("ada")
    async with site.client(session_key) as client:
        await database_sync_to_async(Session.objects.all().delete)()
        assert await client.closed() == 4401
