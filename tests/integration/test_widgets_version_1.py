"""Version 1 of the protocol: a client of the kind that exists already, over a real port."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from pytest_django import Settings
from websockets.exceptions import InvalidStatus

from marketdata.schema.boards import HALTS, TOP_GAINERS, TOP_TRADES
from marketdata.store.keys import Keys
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.scopes import SCOPES
from mdp_site.web_settings import WebSettings
from tests.support.version_1_client import Version1Client
from tests.support.widget_site import WidgetSite, logged_in, use_layer
from widgets.protocol.v1 import LEADERBOARD_FIELDS

pytestmark = pytest.mark.django_db(transaction=True)

HIGHS = "daily_range_hod_alert"


def issue(scopes: Sequence[str]) -> str:
    user, _ = get_user_model().objects.get_or_create(username="bot")
    return ApiToken.objects.issue(user, name="ticker", scopes=scopes)[1]


async def issued(scopes: Sequence[str] = tuple(SCOPES)) -> str:
    """A new token of a user."""
    return str(await database_sync_to_async(issue)(scopes))


@contextlib.asynccontextmanager
async def stranger(site: WidgetSite) -> AsyncIterator[Version1Client]:
    """A client that has not logged in."""
    async with site.connect(None, origin=None, subprotocols=None) as connection:
        yield Version1Client(connection)


@contextlib.asynccontextmanager
async def client(site: WidgetSite, scopes: Sequence[str] = tuple(SCOPES)) -> AsyncIterator[Version1Client]:
    async with stranger(site) as version_1:
        assert await version_1.authorize(await issued(scopes)) == {"status": "authorized"}
        yield version_1


async def test_a_client_that_exists_already_works_unchanged(site: WidgetSite) -> None:
    await site.market.board(TOP_GAINERS, {"AAPL": {"close": 10.0, "pct_change_since_open": 5}, "XYZ": {}})
    async with site.heartbeats(), client(site) as version_1:
        answer = await version_1.ask(action="subscribe", feed=TOP_GAINERS)
        assert answer == {"status": "subscribed", "feed": TOP_GAINERS}
        board = await version_1.data(lambda payload: isinstance(payload, list))
        assert [tuple(row) for row in board] == [LEADERBOARD_FIELDS] * 2
        assert (board[0]["rank"], board[0]["symbol"], board[0]["close"]) == (1, "AAPL", 10.0)
        assert (board[1]["rank"], board[1]["symbol"], board[1]["close"]) == (2, "XYZ", None)
        assert board[0]["pct_change_since_open"] == 5.0
        assert board[0]["vwap"] is None
        fields = LEADERBOARD_FIELDS[2:]
        whole = dict(zip(fields, range(1, len(fields) + 1), strict=True))
        await site.market.board(TOP_TRADES, {"AAPL": whole | {"trades_per_minute": 60}})
        data = (await version_1.ask(action="get", cache=TOP_TRADES))["data"]
        assert data == [{"rank": 1, "symbol": "AAPL"} | whole | {"trades_per_minute": 60}], (
            "also without a subscriber"
        )

        await site.market.board(TOP_GAINERS, {"MSFT": {"close": 11.0}})
        board = await version_1.data(lambda payload: payload[0]["symbol"] == "MSFT")
        assert [row["rank"] for row in board] == [1]
        answer = await version_1.ask(action="get", cache=TOP_GAINERS, limit=1)
        assert answer == {"cache": TOP_GAINERS, "data": board}
        answer = await version_1.ask(action="unsubscribe", feed=TOP_GAINERS)
        assert answer == {"status": "unsubscribed", "feed": TOP_GAINERS}


async def test_a_symbol_is_one_object_and_all_symbols_are_the_rows_that_changed(site: WidgetSite) -> None:
    await site.market.row("AAPL", close=1.0, volume=7)
    await site.market.row("MSFT", close=2.0, volume=8)
    async with site.heartbeats(), client(site) as one, client(site) as every:
        assert (await one.ask(action="get", cache="quote:AAPL"))["data"]["close"] == 1.0
        assert (await one.ask(action="get", cache="quote:NONE"))["data"] is None
        await one.ask(action="subscribe", feed="quote:AAPL")
        assert await one.receive() == {"symbol": "AAPL", "close": 1.0, "volume": 7}
        await every.ask(action="subscribe", feed="quote:*")
        first = await every.data(lambda rows: isinstance(rows, list) and len(rows) == 2)
        assert {row["symbol"]: row["close"] for row in first} == {"AAPL": 1.0, "MSFT": 2.0}
        await site.market.row("AAPL", close=3.0, volume=7)
        await one.data(lambda row: row == {"symbol": "AAPL", "close": 3.0, "volume": 7})
        (row,) = await every.data(lambda rows: len(rows) == 1)
        assert (row["symbol"], row["close"], row["bid_price"], len(row)) == ("AAPL", 3.0, None, 11)


async def test_halts_of_all_symbols_have_the_columns_of_their_board(site: WidgetSite) -> None:
    await site.market.board(HALTS, {"AAPL": {"close": 10.0, "halt_timestamp": 5_000, "is_halted": 1}})
    async with site.heartbeats(), client(site) as version_1:
        assert await version_1.ask(action="subscribe", feed="halts:*") == {
            "status": "subscribed",
            "feed": "halts:*",
        }
        (row,) = await version_1.data(lambda payload: isinstance(payload, list))
        assert (row["symbol"], row["halt_timestamp"], row["is_halted"]) == ("AAPL", 5_000, 1)


async def test_each_new_entry_of_a_list_is_sent_once_and_get_has_those_before(site: WidgetSite) -> None:
    async with site.heartbeats(), client(site) as early, client(site) as late:
        assert (await early.ask(action="get", cache=HIGHS))["data"] == []
        await early.ask(action="subscribe", feed=HIGHS)
        await site.market.alert("daily_range_high", "AAPL", price=1.0)
        assert (await early.receive())["price"] == 1.0
        await late.ask(action="subscribe", feed=HIGHS)
        answer = await late.ask(action="get", cache=HIGHS)
        assert [entry["price"] for entry in answer["data"]] == [1.0]
        for price in (2.0, 3.0):
            await site.market.alert("daily_range_high", "AAPL", price=price)
            for version_1 in (early, late):
                entry = await version_1.receive()
                assert (entry["symbol"], entry["price"]) == ("AAPL", price)
        answer = await late.ask(action="get", cache=HIGHS, limit=2)
        assert [entry["price"] for entry in answer["data"]] == [2.0, 3.0]


async def test_the_state_of_the_data_is_sent_only_to_those_who_subscribe(site: WidgetSite) -> None:
    async with site.heartbeats(), client(site) as version_1:
        await version_1.ask(action="subscribe", feed="status")
        status = await version_1.receive()
        assert "type" not in status
        assert status["state"]
        answer = await version_1.ask(action="get", cache="status")
        assert answer["data"].keys() == status.keys()


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"action": "subscribe", "feed": "mdp:shard:0"}, "unknown feed"),
        ({"action": "subscribe", "feed": "trades:*"}, "unknown feed"),
        ({"action": "unsubscribe", "feed": "*"}, "unknown feed"),
        ({"action": "get", "cache": "test:rows:0"}, "unknown cache"),
        ({"action": "get", "cache": TOP_GAINERS, "limit": -1}, "invalid limit"),
        ({"action": "get", "cache": TOP_GAINERS, "limit": "ten"}, "invalid limit"),
        ({"action": "subscribe"}, "invalid action"),
        ({"action": "keys"}, "invalid action"),
        ({"action": "auth", "api_key": "again"}, "invalid action"),
        ([], "invalid action"),
    ],
)
async def test_what_is_not_accepted_is_answered_and_the_connection_stays(
    site: WidgetSite, message: Any, status: str
) -> None:
    async with client(site) as version_1:
        await version_1.connection.send(json.dumps(message))
        assert (await version_1.receive())["status"] == status
        answer = await version_1.ask(action="subscribe", feed=TOP_GAINERS)
        assert answer["status"] == "subscribed"


async def test_a_key_that_is_not_valid_is_told_so_and_the_connection_is_closed(site: WidgetSite) -> None:
    async with stranger(site) as version_1:
        assert await version_1.authorize("nobody's") == {"status": "invalid key"}
        assert await version_1.closed() == 4402


async def test_nothing_is_served_before_the_key(site: WidgetSite) -> None:
    async with stranger(site) as version_1:
        for message in ({"action": "subscribe", "feed": TOP_GAINERS}, {"action": "get", "cache": "status"}):
            assert await version_1.ask(**message) == {"status": "unauthorized"}
        assert await version_1.authorize(await issued()) == {"status": "authorized"}


async def test_a_key_opens_only_the_feeds_of_its_scopes(site: WidgetSite) -> None:
    async with client(site, ["quotes"]) as version_1:
        answer = await version_1.ask(action="subscribe", feed=TOP_GAINERS)
        assert answer == {"status": "forbidden feed", "feed": TOP_GAINERS}
        answer = await version_1.ask(action="get", cache=TOP_GAINERS)
        assert answer == {"status": "forbidden cache", "cache": TOP_GAINERS}


async def test_a_revoked_key_ends_its_connection(site: WidgetSite) -> None:
    async with client(site) as version_1:
        await database_sync_to_async(ApiToken.objects.all().delete)()
        await site.logins.look()
        assert await version_1.closed() == 4401


async def test_a_page_cannot_speak_version_1(site: WidgetSite) -> None:
    key = await logged_in("ada")
    for origin in (site.origin, "https://elsewhere.example"):
        with pytest.raises(InvalidStatus) as refused:
            await site.connect(key, origin=origin, subprotocols=None)
        assert refused.value.response.status_code == 403


async def test_who_sends_no_key_is_closed_and_few_may_wait(
    redis_url: str, keys: Keys, settings: Settings
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    limits = WebSettings(unauthenticated_per_address=2, authentication_seconds=1.0)
    async with (
        WidgetSite(redis_url, keys, limits=limits) as site,
        stranger(site) as first,
        stranger(site) as second,
    ):
        async with stranger(site) as third:
            assert await third.closed() == 1013
        assert await first.authorize(await issued()) == {"status": "authorized"}
        assert await second.closed() == 4407
        answer = await first.ask(action="subscribe", feed=TOP_GAINERS)
        assert answer["status"] == "subscribed"
