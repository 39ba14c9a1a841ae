"""The WebSocket as a client sees it, through a real server and a real store."""

import json
import math
import secrets

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from marketdata.schema.boards import TOP_GAINERS
from mdp_site.accounts import roles
from mdp_site.accounts.roles import Role
from tests.support.widget_site import MOST_CONNECTIONS, WidgetSite, logged_in
from widgets.protocol import LONGEST_MESSAGE_BYTES

STOCKS = ("WFC+", "BRK.A", "BACpB", "BC/WS", "AAM=", "GE#", "A:B", "C%", "ZVZZT")

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_board_comes_as_a_snapshot_and_then_as_what_changed(site: WidgetSite) -> None:
    await site.market.board(TOP_GAINERS, {"AAPL": {"close": 10.0}, "XYZ": {"close": math.nan}})
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        snapshot = await client.of_type("snapshot", TOP_GAINERS)
        assert snapshot["columns"] == ["close"]
        assert snapshot["rows"] == [["AAPL", 10.0], ["XYZ", None]]
        assert 0 <= snapshot["age_ms"] < 60_000

        await site.market.board(TOP_GAINERS, {"MSFT": {"close": 11.0}, "AAPL": {"close": 10.0}})
        delta = await client.of_type("delta", TOP_GAINERS)
        assert (delta["rows"], delta["cells"]) == ([["MSFT", 11.0]], [])
        assert delta["order"] == ["MSFT", [0, 1]]
        assert (delta["epoch"], delta["prev"]) == (snapshot["epoch"], snapshot["seq"])


async def test_a_quote_is_one_row_of_its_shard(site: WidgetSite) -> None:
    await site.market.row("BRK.B", close=400.0, volume=7)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=["quote:BRK.B", "quote:KIMpL"])
        snapshot = await client.of_type("snapshot", "quote:BRK.B")
        assert snapshot["columns"] == ["close", "volume"]
        assert snapshot["rows"] == [["BRK.B", 400.0, 7]]

        await site.market.row("BRK.B", close=401.5, volume=9)
        assert (await client.of_type("delta", "quote:BRK.B"))["cells"] == [[0, 3, 401.5, 9]]


async def test_a_quote_is_there_for_every_symbol_that_a_stock_can_have(site: WidgetSite) -> None:
    for number, symbol in enumerate(STOCKS, 1):
        await site.market.row(symbol, close=float(number))
    async with site.client(await logged_in("ada")) as client:
        for number, symbol in enumerate(STOCKS, 1):
            await client.say(type="subscribe", feeds=[f"quote:{symbol}"])
            snapshot = await client.of_type("snapshot", f"quote:{symbol}")
            assert snapshot["rows"] == [[symbol, float(number)]]


async def test_a_symbol_that_has_not_traded_has_a_snapshot_without_rows(site: WidgetSite) -> None:
    async with site.heartbeats(), site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=["quote:QUIET"])
        assert (await client.of_type("snapshot", "quote:QUIET"))["rows"] == []


async def test_an_unknown_feed_is_named_in_an_error_and_nothing_else_is_lost(site: WidgetSite) -> None:
    await site.market.board(TOP_GAINERS, {"AAPL": {"close": 1.0}})
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=["scanners:nope", TOP_GAINERS])
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("unknown_feed", "scanners:nope")
        assert TOP_GAINERS in error["message"]
        assert (await client.of_type("snapshot", TOP_GAINERS))["rows"] == [["AAPL", 1.0]]


async def test_what_is_no_message_is_answered_and_the_socket_stays_open(site: WidgetSite) -> None:
    async with site.client(await logged_in("ada")) as client:
        for wrong in ("not json", "[]", '{"type":"shout"}', b"\x00\x01"):
            await client.connection.send(wrong)
            assert (await client.of_type("error"))["code"] == "bad_message"
        await client.say(type="ping", id=7)
        assert (await client.of_type("pong"))["id"] == 7


async def test_an_unsubscribed_feed_is_silent(site: WidgetSite) -> None:
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        await site.market.board(TOP_GAINERS, {"AAPL": {"close": 1.0}})
        await client.of_type("snapshot", TOP_GAINERS)
        await client.say(type="unsubscribe", feeds=[TOP_GAINERS])
        await client.of_type("unsubscribed", TOP_GAINERS)

        await site.market.board(TOP_GAINERS, {"MSFT": {"close": 1.0}})
        await site.market.row("AAPL", close=1.0)
        await client.say(type="subscribe", feeds=["quote:AAPL"])
        frame = await client.frame(lambda frame: "feed" in frame)
        assert frame["feed"] == "quote:AAPL"


async def test_resync_brings_a_new_snapshot(site: WidgetSite) -> None:
    await site.market.board(TOP_GAINERS, {"AAPL": {"close": 1.0}})
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        first = await client.of_type("snapshot", TOP_GAINERS)
        await client.say(type="resync", feeds=[TOP_GAINERS])
        second = await client.of_type("snapshot", TOP_GAINERS)
        assert second["rows"] == first["rows"]
        await client.say(type="resync", feeds=["quote:AAPL"])
        assert (await client.of_type("error"))["feed"] == "quote:AAPL"


async def test_the_status_says_live_once_data_comes_in_and_why_not_when_it_ends(site: WidgetSite) -> None:
    async with site.client(await logged_in("ada")) as client:
        async with site.heartbeats():
            live = await client.frame(lambda frame: frame.get("state") == "live")
            assert live["age_ms"] is not None
        await client.frame(lambda frame: frame.get("state") == "no_listener")


@pytest.mark.parametrize(
    ("logged_in_as", "options"),
    [
        pytest.param(None, {}, id="nobody logged in"),
        pytest.param("ada", {"origin": "https://evil.example"}, id="a page of another site"),
        pytest.param("ada", {"origin": None}, id="a cookie without an origin"),
        pytest.param("ada", {"subprotocols": None}, id="no subprotocol"),
        pytest.param("ada", {"subprotocols": [Subprotocol("mdp.v99")]}, id="another subprotocol"),
    ],
)
async def test_a_handshake_is_refused(
    site: WidgetSite, logged_in_as: str | None, options: dict[str, object]
) -> None:
    session_key = await logged_in(logged_in_as) if logged_in_as else None
    with pytest.raises(InvalidStatus) as refused:
        await site.connect(session_key, **options)
    assert refused.value.response.status_code == 403


async def test_a_message_that_is_too_large_is_answered_and_ends_the_socket(site: WidgetSite) -> None:
    async with site.client(await logged_in("ada")) as client:
        await client.connection.send(json.dumps({"type": "ping", "id": "x" * LONGEST_MESSAGE_BYTES}))
        assert (await client.of_type("error"))["code"] == "too_large"
        assert await client.closed() == 4409


async def test_a_user_has_a_bounded_number_of_connections(site: WidgetSite) -> None:
    session_key = await logged_in("ada")
    other = await logged_in("bob")
    connections = [await site.connect(session_key) for _ in range(MOST_CONNECTIONS)]
    async with site.connect(session_key) as one_too_many:
        await one_too_many.wait_closed()
        assert one_too_many.close_code == 4429
    async with site.client(other):
        pass
    for connection in connections:
        await connection.close()
    async with site.client(session_key):
        pass


async def test_a_feed_that_the_users_role_lacks_is_refused_and_the_others_come(
    site: WidgetSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes_only = Role("users", rights=roles.USERS.rights, feeds=frozenset({"quotes"}))
    monkeypatch.setattr(roles, "USERS", quotes_only)
    await site.market.row("AAPL", close=10.0)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS, "quote:AAPL"])
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("forbidden_feed", TOP_GAINERS)
        assert (await client.of_type("snapshot", "quote:AAPL"))["rows"] == [["AAPL", 10.0]]


async def test_a_user_whose_role_has_no_market_data_is_refused_at_the_handshake(
    site: WidgetSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_key = await logged_in("ada")
    monkeypatch.setattr(roles, "USERS", Role("users"))
    with pytest.raises(InvalidStatus) as refused:
        await site.connect(session_key)
    assert refused.value.response.status_code == 403


async def test_more_feeds_than_a_connection_may_have_are_refused_one_by_one(site: WidgetSite) -> None:
    names = [f"quote:{secrets.token_hex(4)}" for _ in range(501)]
    async with site.client(await logged_in("ada")) as client:
        for start in range(0, len(names), 200):
            await client.say(type="subscribe", feeds=names[start : start + 200])
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("too_many_feeds", names[-1])
