"""What clients live through when something fails: slow readers, a store that goes away, logins that end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from pytest_django import Settings
from websockets.client import ClientProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from marketdata.observability import metrics
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from mdp_site.accounts import roles
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.notices import announce_change
from mdp_site.accounts.roles import Role
from tests.support.deadlines import POLL_SECONDS, eventually, scaled
from tests.support.outboxes import waiting_frames
from tests.support.services import ValkeyServer
from tests.support.widget_site import Rows, WidgetClient, WidgetSite, logged_in, use_layer
from widgets.protocol import SUBPROTOCOL_V2

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def site(redis_url: str, unique_prefix: str, settings: Settings) -> AsyncIterator[WidgetSite]:
    use_layer(settings, redis_url, unique_prefix)
    async with WidgetSite(redis_url, Keys(f"{unique_prefix}:"), look_seconds=1.0) as running:
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
        WidgetSite(private_store.url, Keys(), look_seconds=0.5) as site,
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


def expire_and_announce(username: str, keys: Sequence[str]) -> None:
    Session.objects.filter(session_key__in=keys).delete()
    announce_change(get_user_model().objects.get(username=username).pk)


@pytest.mark.parametrize("everything", [False, True], ids=["this session", "all of the user"])
async def test_a_notice_closes_the_connections_of_a_login_that_has_ended_and_no_others(
    redis_url: str, unique_prefix: str, settings: Settings, everything: bool
) -> None:
    use_layer(settings, redis_url, unique_prefix)
    async with WidgetSite(redis_url, Keys(f"{unique_prefix}:"), look_seconds=3_600.0) as site:
        session_key, same_users_other = await logged_in("ada"), await logged_in("ada")
        ended = [session_key, same_users_other] if everything else [session_key]
        async with site.client(session_key) as client, site.client(same_users_other) as other:
            concerned = [client, other] if everything else [client]
            async with asyncio.timeout(scaled(5.0)):
                # Again and again: the process may still be on its way into the group.
                while any(member.connection.close_code != 4401 for member in concerned):
                    await database_sync_to_async(expire_and_announce)("ada", ended)
                    await asyncio.sleep(POLL_SECONDS)
            if not everything:
                await other.say(type="ping", id=1)
                await other.of_type("pong")


async def test_a_session_that_ended_without_a_notice_is_found_out(site: WidgetSite) -> None:
    session_key = await logged_in("ada")
    async with site.client(session_key) as client:
        await database_sync_to_async(Session.objects.all().delete)()
        assert await client.closed() == 4401


async def test_a_deactivation_by_an_update_closes_within_five_seconds_while_the_layer_is_away(
    private_store: ValkeyServer, redis_url: str, unique_prefix: str, settings: Settings
) -> None:
    use_layer(settings, private_store.url, "site")
    await asyncio.to_thread(private_store.stop)
    session_key = await logged_in("ada")
    async with (
        WidgetSite(redis_url, Keys(f"{unique_prefix}:")) as site,  # with the looks of a real site
        site.client(session_key) as client,
    ):
        await get_user_model().objects.all().aupdate(is_active=False)
        assert await client.closed(within_seconds=5.0) == 4401


async def test_a_right_that_is_taken_away_ends_its_feeds_alone_and_the_right_to_all_closes(
    site: WidgetSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.market.row("AAPL", close=1.0)
    await site.market.board(TOP_GAINERS, {"AAPL": {"close": 1.0}})
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS, "quote:AAPL"])
        await client.of_type("snapshot", "quote:AAPL")

        quotes = Role("users", rights=roles.USERS.rights, feeds=frozenset({"quotes", "status"}))
        monkeypatch.setattr(roles, "USERS", quotes)
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("forbidden_feed", TOP_GAINERS)
        await site.market.board(TOP_GAINERS, {"MSFT": {"close": 2.0}})
        await site.market.row("AAPL", close=2.0)
        frame = await client.frame(lambda frame: "rows" in frame)
        assert frame["feed"] == "quote:AAPL"
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        assert (await client.of_type("error"))["code"] == "forbidden_feed"

        monkeypatch.setattr(roles, "USERS", Role("users"))
        assert await client.closed() == 4403


async def test_a_token_with_a_scope_sees_its_feeds_alone(site: WidgetSite) -> None:
    await site.market.row("AAPL", close=1.0)
    raw = await database_sync_to_async(issue_token)("bot", ("quotes",))
    headers = {"Authorization": f"Bearer {raw}"}
    async with site.connect(None, origin=None, additional_headers=headers) as connection:
        client = WidgetClient(connection)
        await client.say(type="subscribe", feeds=[TOP_GAINERS, "quote:AAPL"])
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("forbidden_feed", TOP_GAINERS)
        await client.of_type("snapshot", "quote:AAPL")


def issue_token(username: str, scopes: Sequence[str]) -> str:
    user, _ = get_user_model().objects.get_or_create(username=username)
    return ApiToken.objects.issue(user, name="ticker", scopes=scopes)[1]
